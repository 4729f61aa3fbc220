"""Keeps files as evidence; the database lets them be forgotten, never changed."""

import django.db.models.deletion
from django.db import migrations, models

import consents.encryption
import consents.models.base

# The content may be encrypted anew, for another key; the hash says that it is the same.
ONLY_ERASE_FILES = """
CREATE FUNCTION consents_only_erase_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.erased_at IS NULL
        AND (OLD.event_id IS NULL OR NEW.event_id = OLD.event_id)
        AND NEW.review_id IS NOT DISTINCT FROM OLD.review_id
        AND NEW.id = OLD.id AND NEW.media_type = OLD.media_type AND NEW.size = OLD.size
        AND NEW.added_by = OLD.added_by AND NEW.created_at = OLD.created_at
        AND (NEW.erased_at IS NOT NULL OR (NEW.name = OLD.name AND NEW.sha256 = OLD.sha256))
    THEN RETURN NEW;
    END IF;
    RAISE EXCEPTION 'Evidence can be erased, never rewritten.'
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER evidencefile_only_erased
    BEFORE UPDATE OR DELETE ON consents_evidencefile
    FOR EACH ROW EXECUTE FUNCTION consents_only_erase_file();
CREATE TRIGGER evidencefile_not_truncated
    BEFORE TRUNCATE ON consents_evidencefile
    FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
"""

REWRITE_FILES = """
DROP TRIGGER evidencefile_not_truncated ON consents_evidencefile;
DROP TRIGGER evidencefile_only_erased ON consents_evidencefile;
DROP FUNCTION consents_only_erase_file();
"""

# What is encrypted does not compress.
AS_IT_IS = "ALTER TABLE consents_evidencefile ALTER COLUMN content SET STORAGE EXTERNAL"


class Migration(migrations.Migration):
    dependencies = [("consents", "0024_double_opt_in")]

    operations = [
        migrations.CreateModel(
            name="EvidenceFile",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=consents.models.base.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=255)),
                ("media_type", models.CharField(max_length=50)),
                ("size", models.PositiveIntegerField()),
                ("sha256", models.BinaryField(max_length=32, null=True)),
                ("content", consents.encryption.EncryptedBytesField(null=True)),
                ("added_by", models.CharField(max_length=100)),
                ("created_at", models.DateTimeField()),
                ("erased_at", models.DateTimeField(null=True)),
                (
                    "event",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="files",
                        to="consents.consentevent",
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="files",
                        to="consents.reviewitem",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "default_permissions": ("view",),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("event__isnull", False), ("review__isnull", False), _connector="OR"
                        ),
                        name="evidencefile_belongs",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("content__isnull", False),
                                ("erased_at__isnull", True),
                                ("sha256__isnull", False),
                            ),
                            models.Q(
                                ("content__isnull", True),
                                ("erased_at__isnull", False),
                                ("name", ""),
                                ("sha256__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="evidencefile_whole_or_erased",
                    ),
                    models.UniqueConstraint(fields=("event", "sha256"), name="evidencefile_once"),
                ],
            },
        ),
        migrations.RunSQL(ONLY_ERASE_FILES, REWRITE_FILES),
        migrations.RunSQL(AS_IT_IS, migrations.RunSQL.noop),
    ]

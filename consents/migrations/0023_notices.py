"""The wording that people are shown, as little to be changed as the ledger's lines."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import consents.models.base

REFUSE_CHANGES = """
CREATE TRIGGER notice_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON consents_notice
    FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
"""

ALLOW_CHANGES = "DROP TRIGGER notice_append_only ON consents_notice;"


class Migration(migrations.Migration):
    dependencies = [("consents", "0022_validity")]

    operations = [
        migrations.CreateModel(
            name="Notice",
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
                ("key", models.SlugField(db_index=False, max_length=64)),
                ("version", models.CharField(max_length=64)),
                (
                    "language",
                    models.CharField(
                        max_length=35,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*\\Z", "A BCP 47 tag."
                            )
                        ],
                    ),
                ),
                ("text", models.TextField()),
                ("sha256", models.BinaryField(max_length=32)),
                ("valid_from", models.DateTimeField()),
                ("created_at", models.DateTimeField(editable=False)),
                (
                    "sender",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="consents.sender",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sender", "key", "version", "language"),
                        name="notice_version_unique",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("key", ""), _negated=True),
                            models.Q(("version", ""), _negated=True),
                            models.Q(("text", ""), _negated=True),
                        ),
                        name="notice_says_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "sha256",
                                models.Func(
                                    models.Func(
                                        models.F("text"),
                                        models.Value("UTF8"),
                                        function="convert_to",
                                        output_field=models.BinaryField(),
                                    ),
                                    function="sha256",
                                    output_field=models.BinaryField(),
                                ),
                            )
                        ),
                        name="notice_sha256_is_of_the_text",
                    ),
                ],
            },
        ),
        migrations.RunSQL(REFUSE_CHANGES, ALLOW_CHANGES),
    ]

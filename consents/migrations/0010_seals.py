"""Seals over the ledger, as little to be changed as its lines; and evidence cannot be truncated."""

import django.db.models.deletion
from django.db import migrations, models

REFUSE_CHANGES = """
CREATE TRIGGER seal_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON consents_seal
    FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
CREATE TRIGGER sealkey_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON consents_sealkey
    FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
CREATE TRIGGER eventdetail_not_truncated
    BEFORE TRUNCATE ON consents_eventdetail
    FOR EACH STATEMENT EXECUTE FUNCTION consents_refuse_change();
"""

ALLOW_CHANGES = """
DROP TRIGGER eventdetail_not_truncated ON consents_eventdetail;
DROP TRIGGER sealkey_append_only ON consents_sealkey;
DROP TRIGGER seal_append_only ON consents_seal;
"""

# Hashes do not compress.
AS_THEY_ARE = "ALTER TABLE consents_seal ALTER COLUMN leaves SET STORAGE EXTERNAL"


class Migration(migrations.Migration):
    dependencies = [
        ("consents", "0009_visitor_rates"),
    ]

    operations = [
        migrations.CreateModel(
            name="SealKey",
            fields=[
                (
                    "id",
                    models.CharField(
                        editable=False, max_length=16, primary_key=True, serialize=False
                    ),
                ),
                ("public", models.BinaryField(help_text="Ed25519, 32 bytes.", max_length=32)),
                ("first_used_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["first_used_at"],
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Seal",
            fields=[
                (
                    "number",
                    models.BigIntegerField(editable=False, primary_key=True, serialize=False),
                ),
                ("format", models.SmallIntegerField()),
                ("after", models.BigIntegerField()),
                ("upto", models.BigIntegerField(unique=True)),
                ("count", models.IntegerField()),
                ("root", models.BinaryField(max_length=32)),
                ("previous", models.BinaryField(max_length=32)),
                ("purposes", models.BinaryField(max_length=32)),
                ("sealed_at", models.DateTimeField()),
                ("signature", models.BinaryField(max_length=64)),
                ("leaves", models.BinaryField()),
                ("meanings", models.JSONField(null=True)),
                (
                    "key",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="consents.sealkey",
                    ),
                ),
            ],
            options={
                "ordering": ["-number"],
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("meanings__isnull", False)),
                        fields=["number"],
                        name="seal_with_meanings",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("count__gte", 1), ("number__gte", 1)),
                        name="seal_numbered_from_one",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("upto__gt", models.F("after"))),
                        name="seal_goes_forward",
                    ),
                ],
            },
        ),
        migrations.RunSQL(REFUSE_CHANGES, ALLOW_CHANGES),
        migrations.RunSQL(AS_THEY_ARE, migrations.RunSQL.noop),
    ]

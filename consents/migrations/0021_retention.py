"""Says how long what is kept, and lets a court's interest stop it."""

import django.db.models.deletion
from django.db import migrations, models

import consents.models.base


class Migration(migrations.Migration):
    dependencies = [("consents", "0020_disclosure")]

    operations = [
        migrations.CreateModel(
            name="RetentionRule",
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
                ("kind", models.CharField(max_length=32, unique=True)),
                (
                    "days",
                    models.PositiveIntegerField(
                        blank=True, help_text="Empty: kept for good.", null=True
                    ),
                ),
            ],
            options={"ordering": ["kind"]},
        ),
        migrations.CreateModel(
            name="LegalHold",
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
                (
                    "reason",
                    models.CharField(
                        help_text="Which case. No word about the person.", max_length=500
                    ),
                ),
                ("placed_by", models.CharField(editable=False, max_length=100)),
                ("placed_at", models.DateTimeField(editable=False)),
                ("lifted_by", models.CharField(blank=True, editable=False, max_length=100)),
                ("lifted_at", models.DateTimeField(editable=False, null=True)),
                (
                    "contact",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="legal_holds",
                        to="consents.contact",
                    ),
                ),
                (
                    "sender",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="legal_holds",
                        to="consents.sender",
                    ),
                ),
            ],
            options={"ordering": ["-placed_at", "-id"]},
        ),
    ]

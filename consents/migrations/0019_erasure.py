"""Lets people be forgotten."""

import django.db.models.deletion
from django.db import migrations, models

import consents.models.base


class Migration(migrations.Migration):
    dependencies = [("consents", "0018_move_permission")]

    operations = [
        migrations.AlterModelOptions(
            name="contact",
            options={
                "permissions": [
                    ("export_contact", "Can take lists of people and of the ledger out"),
                    ("erase_contact", "Can erase a contact"),
                ]
            },
        ),
        migrations.AddField(
            model_name="standing",
            name="erased_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.CreateModel(
            name="Erasure",
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
                ("actor", models.CharField(blank=True, max_length=100)),
                ("asked_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="erasures",
                        to="consents.contact",
                    ),
                ),
            ],
            options={
                "ordering": ["-asked_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=("contact",),
                        name="erasure_one_unfinished",
                    )
                ],
            },
        ),
    ]

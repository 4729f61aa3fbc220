"""Notes who took out all that is known of a person."""

import django.db.models.deletion
from django.db import migrations, models

import consents.models.base


class Migration(migrations.Migration):
    dependencies = [("consents", "0019_erasure")]

    operations = [
        migrations.AlterModelOptions(
            name="contact",
            options={
                "permissions": [
                    ("export_contact", "Can take lists of people and of the ledger out"),
                    ("erase_contact", "Can erase a contact"),
                    ("disclose_contact", "Can take out all that is known of a contact"),
                ]
            },
        ),
        migrations.CreateModel(
            name="Disclosure",
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
                ("actor", models.CharField(max_length=100)),
                ("at", models.DateTimeField()),
                (
                    "contact",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="disclosures",
                        to="consents.contact",
                    ),
                ),
            ],
            options={"ordering": ["-at", "-id"]},
        ),
    ]

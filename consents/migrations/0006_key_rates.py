"""Counts the calls of keys that have a rate, once for all processes."""

import django.db.models.deletion
from django.db import migrations, models

import consents.models.keys

# A count that is lost in a crash begins anew; until then it need not be written twice.
UNLOGGED = "ALTER TABLE consents_keyuse SET UNLOGGED"
LOGGED = "ALTER TABLE consents_keyuse SET LOGGED"


class Migration(migrations.Migration):
    dependencies = [("consents", "0005_horizon")]

    operations = [
        migrations.CreateModel(
            name="KeyUse",
            fields=[
                (
                    "api_key",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="consents.apikey",
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("calls", models.BigIntegerField()),
            ],
        ),
        migrations.RunSQL(UNLOGGED, LOGGED),
        migrations.AddField(
            model_name="apikey",
            name="rate",
            field=models.CharField(
                blank=True,
                default="",
                help_text="How often it may call, such as 600/min; empty: as often as every key.",
                max_length=20,
                validators=[consents.models.keys._check_rate],
            ),
            preserve_default=False,
        ),
    ]

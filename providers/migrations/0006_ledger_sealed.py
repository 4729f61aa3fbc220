"""Subscribers can hear of seals."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0005_only_sending_has_lease"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="webhookdelivery",
            name="webhookdelivery_trigger_known",
        ),
        migrations.AlterField(
            model_name="webhookdelivery",
            name="trigger",
            field=models.CharField(
                choices=[
                    ("CONSENT_CHANGED", "CONSENT CHANGED"),
                    ("OPT_IN", "OPT IN"),
                    ("OPT_OUT", "OPT OUT"),
                    ("WINDOW_OPENED", "WINDOW OPENED"),
                    ("WINDOW_CLOSED", "WINDOW CLOSED"),
                    ("SYNC_FAILED", "SYNC FAILED"),
                    ("LEDGER_SEALED", "LEDGER SEALED"),
                    ("TEST", "TEST"),
                ],
                max_length=20,
            ),
        ),
        migrations.AlterField(
            model_name="webhookendpoint",
            name="triggers",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(
                    choices=[
                        ("CONSENT_CHANGED", "CONSENT CHANGED"),
                        ("OPT_IN", "OPT IN"),
                        ("OPT_OUT", "OPT OUT"),
                        ("WINDOW_OPENED", "WINDOW OPENED"),
                        ("WINDOW_CLOSED", "WINDOW CLOSED"),
                        ("SYNC_FAILED", "SYNC FAILED"),
                        ("LEDGER_SEALED", "LEDGER SEALED"),
                    ],
                    max_length=20,
                ),
                size=None,
            ),
        ),
        migrations.AddConstraint(
            model_name="webhookdelivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "trigger__in",
                        [
                            "CONSENT_CHANGED",
                            "OPT_IN",
                            "OPT_OUT",
                            "WINDOW_OPENED",
                            "WINDOW_CLOSED",
                            "SYNC_FAILED",
                            "LEDGER_SEALED",
                            "TEST",
                        ],
                    )
                ),
                name="webhookdelivery_trigger_known",
            ),
        ),
    ]

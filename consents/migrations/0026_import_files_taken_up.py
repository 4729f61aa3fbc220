"""Counts how often a worker was killed over a file."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("consents", "0025_evidence_files")]

    operations = [
        migrations.AddField(
            model_name="importfile",
            name="taken_up",
            field=models.PositiveSmallIntegerField(default=0),
        ),
    ]

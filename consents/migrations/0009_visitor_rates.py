"""Counts the calls of visitors of the public pages, who have no key, once for all processes."""

from django.db import migrations, models

# A count that is lost in a crash begins anew; until then it need not be written twice.
UNLOGGED = "ALTER TABLE consents_visitoruse SET UNLOGGED"
LOGGED = "ALTER TABLE consents_visitoruse SET LOGGED"


class Migration(migrations.Migration):
    dependencies = [("consents", "0008_tallies")]

    operations = [
        migrations.CreateModel(
            name="VisitorUse",
            fields=[
                ("began_at", models.DateTimeField()),
                ("calls", models.BigIntegerField()),
                (
                    "visitor",
                    models.BinaryField(max_length=32, primary_key=True, serialize=False),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.RunSQL(UNLOGGED, LOGGED),
    ]

"""Lets whoever reads these lists in their order know how far nothing is still to come."""

from django.db import migrations

FEEDS = ("providers_providersync", "providers_webhookdelivery")


class Migration(migrations.Migration):
    dependencies = [("providers", "0002_fewer_indexes"), ("consents", "0005_horizon")]

    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER enter_feed BEFORE INSERT ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION consents_enter_feed()",
            f"DROP TRIGGER enter_feed ON {table}",
        )
        for table in FEEDS
    ]

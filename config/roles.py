"""What the application's role may do: everything but change, or take from, the ledger, its
seals, the notices and the trail of what staff did.

Where the tables belong to another role than the one the application works as, that other one
grants these rights after every migration.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connections
from django.db.models.signals import post_migrate

# Lines of these are written once and stay.
APPEND_ONLY_TABLES = (
    *("consents_consentevent", "consents_seal", "consents_sealkey"),
    *("consents_notice", "consents_staffaction"),
)

_GRANTS = """
GRANT USAGE ON SCHEMA public TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role};
"""


def connect() -> None:
    post_migrate.connect(_after_migration, dispatch_uid="config.roles")


def grant(using: str, role: str) -> None:
    """Gives `role` its rights on every table there is. Only their owner may call this."""
    connection = connections[using]
    name = connection.ops.quote_name(role)
    with connection.cursor() as cursor:
        cursor.execute(_GRANTS.format(role=name))
        for table in set(APPEND_ONLY_TABLES) & set(connection.introspection.table_names(cursor)):
            cursor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {name}")


def _after_migration(using: str, app_config: AppConfig, **kwargs: Any) -> None:
    # Sent once for each application with models: the last one's turn finds every table.
    last = [config for config in apps.get_app_configs() if config.models_module][-1]
    role = settings.APPLICATION_ROLE
    if app_config == last and role and connections[using].settings_dict["USER"] != role:
        grant(using, role)

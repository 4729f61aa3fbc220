"""System checks: what an operator should hear before anything goes wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.db import connection

MINIMUM_VERSION = 150000


def register() -> None:
    checks.register(nothing_wild, checks.Tags.security, deploy=True)
    checks.register(server_is_new_enough, checks.Tags.database)


def nothing_wild(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """optbook.W001: any host name is answered, so a forged one reaches links we make."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    hint = "List the names that Optbook is reached by."
    return [checks.Warning("ALLOWED_HOSTS allows every name.", hint=hint, id="optbook.W001")]


def server_is_new_enough(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """optbook.E001: a PostgreSQL older than 15 lacks what Optbook relies on."""
    if not databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int")
        (version,) = cursor.fetchone()
    if version >= MINIMUM_VERSION:
        return []
    hint = "Upgrade the server, or leave DATABASE_URL empty to use the embedded one."
    message = f"PostgreSQL 15 or newer is needed; this is {version // 10000}."
    return [checks.Error(message, hint=hint, id="optbook.E001")]

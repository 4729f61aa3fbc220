"""What has to be wired once when Optbook starts: system checks, groups and grants."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Optbook"

    def ready(self) -> None:
        from config import checks, groups, roles

        checks.register()
        groups.connect()
        roles.connect()

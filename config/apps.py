"""What has to be wired once when Optbook starts: system checks, and grants after a migration."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Optbook"

    def ready(self) -> None:
        from config import checks, roles

        checks.register()
        roles.connect()

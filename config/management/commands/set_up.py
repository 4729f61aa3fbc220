"""`manage.py set_up`: what a fresh installation needs before anybody can use it."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand
from django.db import connection, transaction
from django.db.models import Q

from config import sandbox_accounts
from consents.defaults import DEFAULT_SENDER, ensure_defaults
from consents.models import ApiKey, Sender
from consents.vocabulary import Scope

_LOCK = 7_302_451  # any number, as long as every set_up takes the same
STAFF, FIRST_KEY = "admin", "first key"


class Command(BaseCommand):
    help = (
        "Creates what is missing: the default sender, purposes and keywords, a superuser and an "
        "API key (their secrets are printed this once), and accounts at the sandbox."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        # Secrets are printed before the commit: a kill in between loses what was printed, not
        # the only copy of what is stored.
        with transaction.atomic():
            self._one_at_a_time()
            ensure_defaults()
            sender = Sender.objects.get(key=DEFAULT_SENDER)
            self._superuser()
            self._api_key(sender)
            if settings.SANDBOX:
                sandbox_accounts.ensure_accounts(sender, settings.SANDBOX_PORT)

    def _one_at_a_time(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])

    def _superuser(self) -> None:
        users = get_user_model().objects
        if users.filter(Q(is_superuser=True) | Q(username=STAFF)).exists():
            return
        password = secrets.token_urlsafe(16)
        users.create_superuser(STAFF, "", password)
        self._show(f"Staff login: {STAFF}", f"password: {password}")

    def _api_key(self, sender: Sender) -> None:
        if ApiKey.objects.exists():
            return
        key, text = ApiKey.issue(FIRST_KEY, [scope.value for scope in Scope])
        key.save()
        key.senders.add(sender)
        self._show(f"API key: {text}", f"it may do everything for the sender `{sender.key}`")

    def _show(self, what: str, more: str) -> None:
        self.stdout.write(f"{what}   {more} (shown this once)")
        self.stdout.flush()

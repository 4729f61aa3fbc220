"""Who calls: `Authorization: Bearer <key>`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol, cast

from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from consents import quotas
from consents.models import ApiKey, Sender
from consents.models.prepared import columns_of, prepared
from consents.quotas import Quota

USE_NOTED_EVERY: Final = timedelta(minutes=1)

_KEY_FIELDS: Final = columns_of(ApiKey)
_SENDER_FIELDS: Final = columns_of(Sender)
_KEY: Final = f"""
SELECT {", ".join(f"key.{name}" for name in _KEY_FIELDS)},
       {", ".join(f"sender.{name}" for name in _SENDER_FIELDS)}
FROM consents_apikey key
LEFT JOIN consents_apikey_senders granted ON granted.apikey_id = key.id
LEFT JOIN consents_sender sender ON sender.id = granted.sender_id
WHERE key.digest = %s
ORDER BY sender.key
"""  # noqa: S608 - column names are ours


class KeyAuthentication(BaseAuthentication):
    """Leaves the ApiKey as `request.auth`; there is no user."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey]:
        text = shown_key(request.META)
        if not text:
            raise NotAuthenticated("Send an API key: Authorization: Bearer <key>.", "key_required")
        return AnonymousUser(), valid_key(text, timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="optbook"'


class Metered(Protocol):
    """A request whose key has a rate: what is left of it after this one."""

    quota: Quota


class KeyThrottle(BaseThrottle):
    """So many calls a key, over all processes; costs nothing where the key has no rate.

    Leaves the Quota as `request.quota`.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        key = cast(ApiKey, request.auth)
        rate = quotas.rate_of(key)
        if rate is None:
            return True
        self._quota = cast(Metered, request).quota = quotas.spend(key, rate)
        return not self._quota.is_exceeded

    def wait(self) -> float:
        return self._quota.resets_in.total_seconds()


def shown_key(headers: Mapping[str, str]) -> str:
    """The key's text in the headers of a request, as WSGI names them; empty where there is none."""
    scheme, _, text = headers.get("HTTP_AUTHORIZATION", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def valid_key(text: str, now: datetime) -> ApiKey:
    """The key with this text; notes that it was used. Raises AuthenticationFailed."""
    return in_use(_with_senders(ApiKey.digest_of(text)) if text.isascii() else None, now)


def in_use(key: ApiKey | None, now: datetime) -> ApiKey:
    """The key, if it is one and valid; notes that it was used. Raises AuthenticationFailed."""
    if key is None or not key.is_valid(now):
        raise AuthenticationFailed("The API key is not valid.", "invalid_key")
    _note_use(key, now)
    return key


def _with_senders(digest: bytes) -> ApiKey | None:
    """By one statement: every call of the API begins with it."""
    with prepared() as cursor:
        cursor.execute(_KEY, [digest])
        rows = cursor.fetchall()
    if not rows:
        return None
    width = len(_KEY_FIELDS)
    key = ApiKey.from_db(connection.alias, _KEY_FIELDS, rows[0][:width])
    granted = [row[width:] for row in rows if row[width] is not None]
    key.acts_for = [Sender.from_db(connection.alias, _SENDER_FIELDS, one) for one in granted]
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    """At most once a minute, so that calls do not queue up for one row."""
    before = now - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < before:
        unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lt=before)
        ApiKey.objects.filter(unnoted, id=key.id).update(last_used_at=now)

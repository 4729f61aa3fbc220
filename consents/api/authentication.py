"""Who calls: `Authorization: Bearer <key>`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from consents.models import ApiKey

USE_NOTED_EVERY: Final = timedelta(minutes=1)


class KeyAuthentication(BaseAuthentication):
    """Leaves the ApiKey as `request.auth`; there is no user."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey]:
        text = shown_key(request.META)
        if not text:
            raise NotAuthenticated("Send an API key: Authorization: Bearer <key>.", "key_required")
        return AnonymousUser(), valid_key(text, timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="optbook"'


class KeyThrottle(SimpleRateThrottle):
    """So many calls a key, by the setting API_THROTTLE_RATE; counted by each process alone."""

    scope = "key"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return f"throttle:{request.auth.pk}"


def shown_key(headers: Mapping[str, str]) -> str:
    """The key's text in the headers of a request, as WSGI names them; empty where there is none."""
    scheme, _, text = headers.get("HTTP_AUTHORIZATION", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


def valid_key(text: str, now: datetime) -> ApiKey:
    """The key with this text; notes that it was used. Raises AuthenticationFailed."""
    found = None
    if text.isascii():
        found = ApiKey.objects.filter(digest=ApiKey.digest_of(text)).first()
    return in_use(found, now)


def in_use(key: ApiKey | None, now: datetime) -> ApiKey:
    """The key, if it is one and valid; notes that it was used. Raises AuthenticationFailed."""
    if key is None or not key.is_valid(now):
        raise AuthenticationFailed("The API key is not valid.", "invalid_key")
    _note_use(key, now)
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    """At most once a minute, so that calls do not queue up for one row."""
    before = now - USE_NOTED_EVERY
    if key.last_used_at is None or key.last_used_at < before:
        unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lt=before)
        ApiKey.objects.filter(unnoted, id=key.id).update(last_used_at=now)

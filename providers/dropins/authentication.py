"""Who calls a drop-in: by API key, and where the provider has it by client credentials too."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from consents.api.authentication import valid_key
from consents.models import ApiKey
from providers.dropins import tokens

KEY_START = "ob_"


class BearerKey(BaseAuthentication):
    """`Authorization: Bearer <API key>`; leaves the ApiKey as `request.auth`, as the API does."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, ApiKey]:
        return AnonymousUser(), self.key_of(request, timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="optbook"'

    def key_of(self, request: Request, now: datetime) -> ApiKey:
        scheme, credentials = _authorization(request)
        if scheme != "bearer":
            raise NotAuthenticated
        return valid_key(credentials, now)


class ClientCredentials(BearerKey):
    """`Authorization: Basic`: the key's public prefix and the key itself."""

    def authenticate_header(self, request: Request) -> str:
        return 'Basic realm="optbook"'

    def key_of(self, request: Request, now: datetime) -> ApiKey:
        scheme, credentials = _authorization(request)
        if scheme != "basic":
            raise NotAuthenticated
        client, secret = _user_and_password(credentials)
        key = valid_key(secret, now)
        if client != key.prefix:
            raise AuthenticationFailed("The client id is not this key's.", "invalid_key")
        return key


class KeyOrToken(ClientCredentials):
    """All of them: API key, access token, client credentials."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="optbook"'

    def key_of(self, request: Request, now: datetime) -> ApiKey:
        scheme, credentials = _authorization(request)
        if scheme != "bearer":
            return super().key_of(request, now)
        if credentials.startswith(KEY_START):
            return valid_key(credentials, now)
        return tokens.key_behind(credentials, now)


def _authorization(request: Request) -> tuple[str, str]:
    """The scheme in lower case, and what follows. Raises NotAuthenticated when nothing does."""
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if not credentials.strip():
        raise NotAuthenticated
    return scheme.lower(), credentials.strip()


def _user_and_password(credentials: str) -> tuple[str, str]:
    try:
        text = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        raise AuthenticationFailed("Unreadable credentials.", "invalid_key") from None
    user, _, password = text.partition(":")
    return user, password

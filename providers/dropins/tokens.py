"""Access tokens: signed, kept nowhere, good for an hour and as long as the API key behind them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.core import signing
from rest_framework.exceptions import AuthenticationFailed

from consents.api.authentication import in_use
from consents.models import ApiKey

LIFETIME: Final = timedelta(hours=1)

# The full stop: a colon has no place in a bearer token (RFC 6750, 2.1).
_SIGNER: Final = signing.Signer(sep=".", salt="providers.dropins.access-token")


def issue(key: ApiKey, now: datetime) -> str:
    """A token that stands for the key until an hour from `now`."""
    ends = now + LIFETIME
    return _SIGNER.sign_object({"key": key.prefix, "ends": int(ends.timestamp())})


def key_behind(token: str, now: datetime) -> ApiKey:
    """The key that the token stands for; one that was revoked meanwhile takes its tokens along.

    Raises AuthenticationFailed, with the code `expired_token` where time alone has undone it.
    """
    try:
        claims = _SIGNER.unsign_object(token)
    except signing.BadSignature:
        raise AuthenticationFailed("The access token is not valid.", "invalid_key") from None
    if now.timestamp() >= claims["ends"]:
        raise AuthenticationFailed("The access token expired.", "expired_token")
    return in_use(ApiKey.objects.filter(prefix=claims["key"]).first(), now)

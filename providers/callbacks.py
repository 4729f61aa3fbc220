"""`POST /callbacks/{account}/`: what a provider tells us is verified, read, stored, answered.

The worker applies it. Each failure has the status that makes its sender do the right thing:
404 and 401 are dropped, 400 and 413 will not get better, 503 is tried again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from consents.api import parsing
from consents.api.errors import ApiError
from consents.models.base import new_id
from consents.models.prepared import prepared
from providers import callback_secrets, registry, storing
from providers.contract import Account, Listener, NothingHeard
from providers.errors import InvalidSignatureError, UnknownKindError, UnreadableError
from providers.models import ProviderAccount, ProviderCallback
from providers.outcomes import CallbackStatus
from providers.redaction import clean

log = logging.getLogger(__name__)

NONCE_MAX: Final = 200
HEADER_MAX: Final = 300
KEPT_HEADERS: Final = ("content-type", "user-agent")
"""Besides those of a signature; what else comes may be a secret of ours."""

SIGNED: Final = ("x-sinch-webhook-", "sinch-whatsapp-callback-")

_ACCOUNT: Final = """
SELECT xmin::text, kind, external_id, settings::text, credentials FROM providers_provideraccount
WHERE id = %s AND is_enabled
"""
_CREDENTIALS: Final[Any] = ProviderAccount._meta.get_field("credentials")


@dataclass(frozen=True, slots=True)
class _Door:
    """An account as it was in one version of its row."""

    version: str
    account: Account
    listener: Listener


_doors: dict[UUID, _Door] = {}
"""Those that this process has read; used only as long as the row is of the same version."""

_VERSIONS_TRIED: Final = 3


class Call(NamedTuple):
    """What came: headers by their names in small letters, the token of the address, the body."""

    headers: Mapping[str, str]
    token: str
    body: bytes


@csrf_exempt
def receive(request: HttpRequest, account: UUID) -> HttpResponse:
    """The one door for all providers. HEAD is answered without looking: some check an address so.

    Nobody's address is told apart from a disabled account's.
    """
    if request.method == "HEAD":
        return _answer(200)
    if request.method != "POST":
        return _answer(405, Allow="POST, HEAD")
    try:
        body = parsing.read_body(request, settings.API_BODY_MAX, is_typed=False)
    except ApiError as error:
        return _answer(error.status)
    headers = {name.lower(): value for name, value in request.headers.items()}
    return _answer(take(account, Call(headers, request.GET.get("token", ""), body)))


def _answer(status: int, **headers: str) -> HttpResponse:
    return HttpResponse(status=status, headers={"Content-Length": "0", **headers})


def take(account: UUID, call: Call) -> int:
    """Verify, read and store what was posted for the account; the status to answer."""
    try:
        return _take(account, call)
    except (DatabaseError, InterfaceError) as error:
        log.warning("A callback could not be stored (%s).", type(error).__name__)
        return 503


def _take(id: UUID, call: Call) -> int:
    if door := _doors.get(id):
        with suppress(InvalidSignatureError):  # its secret may have been replaced since
            if (answer := _through(door, call)) is not None:
                return answer
    for _ in range(_VERSIONS_TRIED):
        door = _read_door(id)
        if door is None:
            return 404
        try:
            answer = _through(door, call)
        except InvalidSignatureError as error:
            log.info("A callback for account %s was refused (%s).", id, error.code)
            return 401
        if answer is not None:
            return answer
    log.warning("Account %s does not keep still; a callback is to come again.", id)
    return 503


def _through(door: _Door, call: Call) -> int | None:
    """The answer; None, and nothing is stored, where the account has changed since it was read.

    Raises InvalidSignatureError.
    """
    digest = hashlib.sha256(call.body).digest()
    try:
        nonce = _verify(door.account, door.listener, call)
    except InvalidSignatureError as error:
        if error.code == "signature_stale" and _is_stored(UUID(door.account.id), digest):
            # A provider that tries again may not sign again: it has been heard, it need not go on.
            return 200
        raise
    status, answer, outcome = _read(door.account, door.listener, call.body)
    stored = _store(door, call, digest, nonce, status, outcome)
    return answer if stored else None


def _read_door(id: UUID) -> _Door | None:
    """The account as it is now, remembered; None where there is none, or it is switched off."""
    _doors.pop(id, None)
    with prepared() as cursor:
        cursor.execute(_ACCOUNT, [id])
        row = cursor.fetchone()
    if row is None:
        return None
    version, kind, external_id, settings_text, secret = row
    account = Account(
        id=str(id),
        kind=kind,
        base_url="",
        external_id=external_id,
        credentials=_CREDENTIALS.from_db_value(secret, None, connection) or {},
        settings=json.loads(settings_text) or {},
    )
    try:
        door = _Door(version, account, registry.listener(kind))
    except UnknownKindError:
        log.error("Account %s is of a kind that no provider has.", id)
        return None
    _doors[id] = door
    return door


def _verify(account: Account, listener: Listener, call: Call) -> str:
    """The nonce. Each secret that is configured must be right; with none, nobody is believed."""
    now = datetime.now(UTC)
    tokens = callback_secrets.accepted(account, "callback_token", now)
    if tokens and not callback_secrets.fits(call.token, tokens):
        raise InvalidSignatureError("token_mismatch", "The address is not the one agreed upon.")
    if listener.is_signed(account):
        return listener.verify(account, call.headers, call.body, now=now)
    if tokens or account.flag("unsigned_callbacks", default=False):
        return ""
    raise InvalidSignatureError("not_configured", "The account has no secret for callbacks.")


def _read(account: Account, listener: Listener, body: bytes) -> tuple[CallbackStatus, int, str]:
    """How it is stored, the status to answer, and what is known of it already."""
    try:
        heard = listener.hear(account, body)
    except UnreadableError as error:
        return CallbackStatus.UNREADABLE, 400, error.code
    except Exception as error:
        # Its words may quote the body. It is kept, and can be applied when this is mended.
        log.error("The listener %s failed with %s.", account.kind, type(error).__name__)
        return CallbackStatus.UNREADABLE, 503, f"listener failed: {type(error).__name__}"
    silent = [one.what for one in heard if isinstance(one, NothingHeard)]
    if len(silent) == len(heard):
        return CallbackStatus.IGNORED, 200, clean("; ".join(dict.fromkeys(silent)))
    return CallbackStatus.STORED, 200, ""


def _is_stored(account: UUID, digest: bytes) -> bool:
    return ProviderCallback.objects.filter(account=account, digest=digest).exists()


def _store(
    door: _Door,
    call: Call,
    digest: bytes,
    nonce: str,
    status: CallbackStatus,
    outcome: str,
) -> bool:
    """Whether the account is still of that version; if not, nothing is stored."""
    kept = {
        name: clean(value, limit=HEADER_MAX)
        for name, value in call.headers.items()
        if name in KEPT_HEADERS or name.startswith(SIGNED)
    }
    return storing.store(
        storing.Row(
            account=UUID(door.account.id),
            version=door.version,
            headers=json.dumps(kept),
            body=call.body,
            digest=digest,
            nonce=clean(nonce, limit=NONCE_MAX),
            status=status.value,
            outcome=outcome,
            id=new_id(),
        )
    )

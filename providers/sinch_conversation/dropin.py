"""Imitates Sinch Conversation's registering of opt-ins and opt-outs, and its access tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from providers.dropin_contract import (
    RECIPIENTS_MAX,
    AccountNamed,
    Call,
    Problem,
    Recipient,
    Registering,
    Reply,
    TokenDropin,
    Wish,
    json_object,
)
from providers.sinch_conversation import wire

REQUEST_ID_MAX = 200
STRATEGIES = ("DEFAULT", "DISPATCH_ONLY")
# What Sinch calls its channels, or did (SDK: VIBER beside VIBERBM).
CHANNELS = {theirs: ours for ours, theirs in wire.CHANNELS.items()} | {
    "VIBER": "VIBER",
    "KAKAOTALKCHAT": "KAKAOTALK",
}
# Words of Sinch's own texts; 429 has none there.
_WORDS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "UNAUTHORIZED",
    404: "NOT_FOUND",
    405: "INVALID_REQUEST",
    413: "INVALID_REQUEST",
    429: "RESOURCE_EXHAUSTED",
}
_OAUTH_WORDS = {
    400: "invalid_request",
    401: "invalid_client",
    405: "invalid_request",
    413: "invalid_request",
    500: "server_error",
}
_ULID = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_KINDS = {end: kind for kind, end in wire.COLLECTIONS.items()}


class SinchConversationDropin(TokenDropin):
    """The app id, with the project of the path, names the account and so the sender."""

    path = r"^v1/projects/(?P<project>[^/]+)/(?P<end>optins:register|optouts:register)/?$"
    home = r"^v1/projects/"
    token_path = r"^oauth2/token/?$"  # noqa: S105 (an address, no secret)
    accepts_client = True

    def read(self, call: Call) -> Wish | Reply:
        if call.method != "POST":
            return self.refuse_method("POST")
        document = json_object(call.body)
        if document is None:
            return _error(400, "The body is not a JSON object.")
        app = document.get("app_id")
        if not isinstance(app, str) or not app:
            return _error(400, "Field app_id is required.")
        return _wish(call, document, app)

    def refuse(self, problem: Problem) -> Reply:
        if problem is Problem.INVALID_RECIPIENT:
            return _error(400, "Field channel_identities has an invalid identity.")
        return _error(problem.status, problem.text)

    def grant(self, call: Call, token: str, lifetime: timedelta) -> Reply:
        if call.method != "POST":
            return replace(self.refuse_token(Problem.NO_SUCH_METHOD), headers={"Allow": "POST"})
        asked = _grant_type(call.body)
        if asked is None:
            return _oauth_error(400, "invalid_request", "Send the form field grant_type once.")
        if asked != "client_credentials":
            text = "The grant type must be client_credentials."
            return _oauth_error(400, "unsupported_grant_type", text)
        granted = {
            "access_token": token,
            "expires_in": int(lifetime.total_seconds()),
            "scope": "",
            "token_type": "bearer",
        }
        return Reply(200, granted, {"Cache-Control": "no-store"})

    def refuse_token(self, problem: Problem) -> Reply:
        word = _OAUTH_WORDS.get(problem.status, "temporarily_unavailable")
        return _oauth_error(problem.status, word, problem.text)


@dataclass(slots=True)
class _Reading:
    """What could be read of a body, and the first thing that was wrong with it."""

    channels: list[str] = field(default_factory=list)
    recipients: list[Recipient] = field(default_factory=list)
    contact: str | None = None
    echo: dict[str, Any] = field(default_factory=dict)
    complaint: str = ""

    def complain(self, text: str) -> None:
        self.complaint = self.complaint or text


def _wish(call: Call, document: Mapping[str, Any], app: str) -> Wish:
    reading = _Reading()
    _read_channels(reading, document.get("channels"))
    _read_recipient(reading, document.get("recipient"))
    strategy = document.get("processing_strategy") or STRATEGIES[0]
    if strategy not in STRATEGIES:
        reading.complain("Field processing_strategy is invalid.")
    request_id = _request_id(reading, call.query.get("request_id"))
    kind = _KINDS[call.arguments["end"]]
    registered = {
        "app_id": app,
        "channels": document.get("channels"),
        "recipient": reading.echo,
        "processing_strategy": strategy,
    }
    return Wish(
        kind=kind,
        recipients=reading.recipients,
        reply=Reply(200, {wire.WRAPPERS[kind]: registered, "request_id": request_id}),
        refusal=_error(400, reading.complaint) if reading.complaint else None,
        account=AccountNamed(app, {"project_id": call.arguments["project"]}),
        registering=Registering(request_id=request_id, contact=reading.contact),
    )


def _read_channels(reading: _Reading, channels: object) -> None:
    if not isinstance(channels, list) or not channels:
        reading.complain("Field channels is required.")
        return
    for channel in channels:
        if name := _channel(channel):
            reading.channels.append(name)
        else:
            reading.complain("Field channels has an unknown channel.")
    reading.channels = list(dict.fromkeys(reading.channels))


def _read_recipient(reading: _Reading, recipient: object) -> None:
    named = recipient if isinstance(recipient, dict) else {}
    contact, identified_by = named.get("contact_id"), named.get("identified_by")
    if bool(contact) == bool(identified_by):
        reading.complain("Field recipient takes exactly one of contact_id and identified_by.")
    elif not contact:
        _read_identities(reading, identified_by)
    elif isinstance(contact, str):
        reading.contact, reading.echo = contact, {"contact_id": contact}
        reading.recipients = [Recipient(channel=channel) for channel in reading.channels]
    else:
        reading.complain("Field contact_id must be a string.")


def _read_identities(reading: _Reading, identified_by: object) -> None:
    entries = identified_by.get("channel_identities") if isinstance(identified_by, dict) else None
    if not isinstance(entries, list) or not entries:
        reading.complain("Field channel_identities is required.")
        return
    if len(entries) > RECIPIENTS_MAX:
        reading.complain("Field channel_identities has too many entries.")
        return
    entries = [entry if isinstance(entry, dict) else {} for entry in entries]
    reading.echo = {"identified_by": {"channel_identities": [_echo(one) for one in entries]}}
    reading.recipients = _recipients(reading, entries)


def _recipients(reading: _Reading, entries: Sequence[Mapping[str, Any]]) -> list[Recipient]:
    """One for each identity on the channels asked for, and one for each channel without any.

    Where no channel could be read, each identity's own: an opt-out is not lost to that.
    """
    addressed: set[str] = set()
    found: dict[Recipient, None] = {}
    for entry in entries:
        channel, identity = _channel(entry.get("channel")), _identity(entry.get("identity"))
        if not channel or not identity:
            reading.complain("Field channel_identities has an invalid identity.")
        elif channel in (reading.channels or [channel]):
            found[Recipient(channel=channel, identity=identity)] = None
        addressed.add(channel)
    lacking = [one for one in reading.channels if one not in addressed]
    return [*found, *(Recipient(channel=channel) for channel in lacking)]


def _channel(name: object) -> str:
    return CHANNELS.get(name, "") if isinstance(name, str) else ""


def _identity(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _echo(entry: Mapping[str, Any]) -> dict[str, Any]:
    known = ("channel", "identity", "app_id")
    return {"app_id": "", **{name: entry[name] for name in known if name in entry}}


def _request_id(reading: _Reading, given: str | None) -> str:
    """The caller's, else one of our own: a random number in the form of a ULID."""
    if given:
        if len(given) <= REQUEST_ID_MAX and given.isprintable():
            return given
        reading.complain(f"request_id has at most {REQUEST_ID_MAX} printable characters.")
    return "0" + "".join(secrets.choice(_ULID) for _ in range(25))


def _grant_type(body: bytes) -> str | None:
    try:
        form = parse_qs(body.decode("latin-1"), max_num_fields=100)
    except ValueError:
        return None
    given = form.get("grant_type", [])
    return given[0] if len(given) == 1 else None


def _error(status: int, message: str) -> Reply:
    """Nested, as Sinch's text and current schema have it; its own SDKs read it so."""
    word = _WORDS.get(status, "INTERNAL_ERROR")
    error = {"code": status, "message": message, "status": word, "details": []}
    return Reply(status, {"error": error})


def _oauth_error(status: int, word: str, text: str) -> Reply:
    document = {"error": word, "error_description": text, "error_verbose": text}
    return Reply(status, {**document, "status_code": status}, {"Cache-Control": "no-store"})

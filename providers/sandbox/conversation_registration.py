"""Sinch Conversation's optins:register and optouts:register: accepted now, the result by callback.

Its 2020 page says that WhatsApp alone supports the registration; every other channel answers 200
and reports STATUS_UNSPECIFIED, and nothing is held.
"""

import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

from .accounts import SinchConversationAccount
from .error_bodies import error_answer
from .exchange import (
    OPT_IN,
    SINCH_CONVERSATION,
    STATE_AFTER,
    Answer,
    Call,
    Change,
    Registration,
    Request,
    Verdict,
    is_digits,
    json_answer,
)

CHANNELS = frozenset(
    [
        "WHATSAPP",
        "RCS",
        "SMS",
        "MESSENGER",
        "VIBER",
        "VIBERBM",
        "MMS",
        "INSTAGRAM",
        "TELEGRAM",
        "KAKAOTALK",
        "KAKAOTALKCHAT",
        "LINE",
        "WECHAT",
        "APPLEBC",
    ]
)
SUPPORTED = "WHATSAPP"
STRATEGIES = ("DEFAULT", "DISPATCH_ONLY")
# Sinch checks the form of a ULID; its own samples use letters that Crockford's alphabet leaves out.
ULID_FORM = re.compile(r"[0-9A-Za-z]{26}")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_id() -> str:
    """A ULID: 48 bits of Unix milliseconds, 80 bits of chance."""
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def numbers_in(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The identities that a call names, as the books know them."""
    recipient = payload.get("recipient")
    if not isinstance(recipient, dict):
        return ()
    if isinstance(contact := recipient.get("contact_id"), str) and contact:
        return (f"contact:{contact}",)
    identities = (_text(entry.get("identity")) for entry in _channel_identities(recipient))
    return tuple(identity for identity in identities if identity)


def answer(request: Request, call: Call, account: SinchConversationAccount) -> Verdict:
    """The registered request with defaults filled in, and the results owed by callback."""
    payload = request.payload
    if payload is None:
        return Verdict(error_answer(SINCH_CONVERSATION, 400, "Malformed request"))
    if complaint := complain_of_app(payload.get("app_id")) or _complaint(payload):
        return Verdict(error_answer(SINCH_CONVERSATION, 400, complaint))
    if payload["app_id"] != account.app:
        return Verdict(error_answer(SINCH_CONVERSATION, 404, "App not found"))
    registrations = _registrations(payload, call)
    changes = [
        Change(SINCH_CONVERSATION, registration.identity, STATE_AFTER[call.action])
        for registration in registrations
        if registration.supported
    ]
    return Verdict(_echo(payload, call), tuple(changes), registrations)


def complain_of_app(app_id: object) -> str | None:
    if not app_id:
        return "Field app_id is required"
    if not isinstance(app_id, str) or not ULID_FORM.fullmatch(app_id):
        return "Field app_id is not a valid ULID"
    return None


def _complaint(payload: Mapping[str, Any]) -> str | None:
    channels = payload.get("channels")
    if not isinstance(channels, list) or not channels:
        return "Field channels is required"
    if any(channel not in CHANNELS for channel in channels if isinstance(channel, str)) or any(
        not isinstance(channel, str) for channel in channels
    ):
        return "Field channels has an unknown channel"
    if payload.get("processing_strategy", "DEFAULT") not in STRATEGIES:
        return "Field processing_strategy is invalid"
    return _recipient_complaint(payload.get("recipient"), channels)


def _recipient_complaint(recipient: object, channels: list[str]) -> str | None:
    if not isinstance(recipient, dict):
        return "Field recipient is required"
    if ("contact_id" in recipient) == ("identified_by" in recipient):
        return "Field recipient takes exactly one of contact_id and identified_by"
    if "contact_id" in recipient:
        return None if _text(recipient["contact_id"]) else "Field contact_id is empty"
    entries = _channel_identities(recipient)
    if not entries:
        return "Field channel_identities is required"
    if not all(_is_identity(entry) for entry in entries):
        return "Field channel_identities has an invalid identity"
    if not any(entry["channel"] in channels for entry in entries):
        return "Field channel_identities has no identity of the channels"
    return None


def _is_identity(entry: Mapping[str, Any]) -> bool:
    """Samples of WhatsApp identities are digits without a plus; other channels have their own."""
    identity, channel = _text(entry.get("identity")), _text(entry.get("channel"))
    if channel not in CHANNELS or not identity:
        return False
    return channel != SUPPORTED or (is_digits(identity) and len(identity) <= 15)


def _channel_identities(recipient: Mapping[str, Any]) -> list[dict[str, Any]]:
    identified_by = recipient.get("identified_by")
    entries = identified_by.get("channel_identities") if isinstance(identified_by, dict) else None
    found = entries if isinstance(entries, list) else []
    return [entry for entry in found if isinstance(entry, dict)]


def _registrations(payload: Mapping[str, Any], call: Call) -> tuple[Registration, ...]:
    request_id = call.request_id or ""
    recipient, channels = payload["recipient"], payload["channels"]
    if contact := _text(recipient.get("contact_id")):
        held_as = f"contact:{contact}"
        return tuple(
            Registration(call.action, c, held_as, request_id, contact, c == SUPPORTED)
            for c in channels
        )
    return tuple(
        Registration(
            call.action,
            entry["channel"],
            entry["identity"],
            request_id,
            supported=entry["channel"] == SUPPORTED,
        )
        for entry in _channel_identities(recipient)
        if entry["channel"] in channels
    )


def _echo(payload: Mapping[str, Any], call: Call) -> Answer:
    key = "opt_in" if call.action == OPT_IN else "opt_out"
    registered = {
        "app_id": payload["app_id"],
        "channels": payload["channels"],
        "recipient": _echo_recipient(payload["recipient"]),
        "processing_strategy": payload.get("processing_strategy", "DEFAULT"),
    }
    return json_answer(200, {key: registered, "request_id": call.request_id})


def _echo_recipient(recipient: Mapping[str, Any]) -> object:
    if "contact_id" in recipient:
        return {"contact_id": recipient["contact_id"]}
    entries = [{"app_id": "", **entry} for entry in _channel_identities(recipient)]
    return {"identified_by": {"channel_identities": entries}}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""

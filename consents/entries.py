"""What somebody asks to have recorded, and whether it can be: no queries, clear errors."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from consents import identifiers, notices, requested
from consents.errors import ConsentError
from consents.models import Contact, Purpose, Sender
from consents.notices import Notices
from consents.purposes import PurposeTree
from consents.vocabulary import (
    CLOCK_TOLERANCE,
    CONSENT_ACTIONS,
    CUT_TO_NOW_ORIGINS,
    PROVING_ORIGINS,
    ROOT_PURPOSE,
    SOURCE_MAX,
    Action,
    Channel,
    Lifts,
    Origin,
)

Word = TypeVar("Word", Origin, Action)

EVIDENCE_MAX_BYTES = 64 * 1024
TEXT_MAX = 2000
_NUL_IN_JSON = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One opt-in or opt-out as it was handed in, not yet checked.

    Either `identity` with its `channel`, or `contact` (a Contact): then all its identities, or
    those on `channels`. Both: the identity belongs, or will belong, to that contact.
    `occurred_at` carries a time zone. `language`: what the person reads, as far as whoever hands it
    in knows. `lifts` is for drop-ins, whose callers state nothing.
    """

    action: str
    channel: str | None = None
    identity: object = field(default=None, repr=False)
    contact: Contact | None = field(default=None, repr=False)
    channels: Sequence[str] = ()
    purpose: str = ROOT_PURPOSE
    source: str = ""
    ip: str | None = field(default=None, repr=False)
    user_agent: str = field(default="", repr=False)
    evidence: Mapping[str, Any] | None = field(default=None, repr=False)
    note: str = field(default="", repr=False)
    occurred_at: datetime | None = None
    language: str = ""
    origin: str = Origin.API
    actor: str = ""
    lifts: Lifts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An entry that can be recorded. `address` is None when it speaks of a whole contact."""

    action: Action
    address: identifiers.Address | None
    contact: Contact | None
    channels: frozenset[Channel]
    purpose: Purpose
    source: str
    origin: Origin
    actor: str
    lifts: Lifts
    ip: str | None
    user_agent: str
    evidence: dict[str, Any]
    note: str
    occurred_at: datetime | None


def check(
    entry: Entry,
    sender: Sender,
    purposes: PurposeTree,
    known: Notices,
    now: datetime,
    *,
    is_single: bool,
) -> Draft:
    """The entry in order, or a ConsentError that says what is wrong with it."""
    origin = _word(Origin, entry.origin, "origin")
    action = _word(Action, entry.action, "action")
    if action not in CONSENT_ACTIONS:
        raise ConsentError("unknown_action", "The action is opt_in or opt_out.", "action")
    purpose, occurred_at = purposes.named(entry.purpose), _occurred_at(entry, origin, now)
    is_opt_in = action == Action.OPT_IN
    at, spoken = min(occurred_at or now, now), _spoken(entry)
    evidence = known.settle(_evidence(entry.evidence), spoken, at, is_binding=is_opt_in)
    if is_opt_in and origin in PROVING_ORIGINS:
        _check_proven(purposes.required_evidence[purpose.id], evidence)
    within = purposes.confirm_within.get(purpose.id) if is_opt_in else None
    if within and requested.waits(origin, evidence, occurred_at, now):
        action, evidence = Action.OPT_IN_REQUESTED, requested.marked(evidence, now + within)
    return Draft(
        action=action,
        address=_address(entry),
        contact=_contact(entry.contact, sender),
        channels=frozenset(channel(name, "channels") for name in entry.channels),
        purpose=purpose,
        source=_source(entry.source),
        origin=origin,
        actor=entry.actor,
        lifts=_lifts(entry, origin, is_single=is_single),
        ip=ip_of(entry.ip),
        user_agent=text_of(entry.user_agent, "user_agent"),
        evidence=evidence,
        note=text_of(entry.note, "note"),
        occurred_at=occurred_at,
    )


def channel(name: object, field_name: str = "channel") -> Channel:
    """The channel of this name, whatever its case."""
    text = name.upper() if isinstance(name, str) else ""
    if text not in Channel.__members__:
        raise ConsentError("unknown_channel", "There is no such channel.", field_name)
    return Channel[text]


def _word(words: type[Word], value: object, field_name: str) -> Word:
    try:
        return words(str(value))
    except ValueError:
        message = f"There is no such {field_name}."
        raise ConsentError(f"unknown_{field_name}", message, field_name) from None


def _address(entry: Entry) -> identifiers.Address | None:
    if entry.identity is None:
        if entry.contact is None:
            raise ConsentError(
                "identity_required", "Name an identity and its channel, or a contact.", "identity"
            )
        return None
    if entry.channel is None:
        raise ConsentError("channel_required", "Name the identity's channel.", "channel")
    return identifiers.normalise(channel(entry.channel), entry.identity)


def _spoken(entry: Entry) -> str:
    return entry.language or (entry.contact.language if entry.contact else "")


def _contact(contact: Contact | None, sender: Sender) -> Contact | None:
    if contact is not None and contact.sender_id != sender.id:
        raise ConsentError("unknown_contact", "There is no such contact.", "contact")
    return contact


def _source(source: object) -> str:
    text = text_of(source, "source").strip()
    if not text:
        raise ConsentError("source_required", "The source cannot be empty.", "source")
    if len(text) > SOURCE_MAX:
        raise ConsentError(
            "source_too_long", f"The source has at most {SOURCE_MAX} characters.", "source"
        )
    return text


def _lifts(entry: Entry, origin: Origin, *, is_single: bool) -> Lifts:
    """Which opt-outs this opt-in is entitled to lift, by who says it and how."""
    if entry.action != Action.OPT_IN:
        return Lifts.NOTHING
    if origin is Origin.DROPIN:
        return entry.lifts or Lifts.DROPIN
    return Lifts.ANY if _is_entitled(entry, origin, is_single=is_single) else Lifts.NOTHING


def _is_entitled(entry: Entry, origin: Origin, *, is_single: bool) -> bool:
    states_its_time = entry.occurred_at is not None
    match origin:
        case Origin.KEYWORD | Origin.PREFERENCE_PAGE:
            return True
        case Origin.ADMIN:
            return bool(entry.note.strip())
        case Origin.API:
            return is_single or states_its_time
        case Origin.IMPORT:
            return states_its_time
    return False


def ip_of(ip: object) -> str | None:
    if ip is None or ip == "":
        return None
    try:
        if not isinstance(ip, str) or "%" in ip:
            raise ValueError
        return _as_the_database_writes_it(ipaddress.ip_address(ip.strip()))
    except ValueError:
        raise ConsentError("invalid_ip", "The ip is not a valid IP address.", "ip") from None


def _as_the_database_writes_it(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """So that the commitment to it still fits when it has been read back."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        if 0xFFFF < int(ip) <= 0xFFFFFFFF:
            return f"::{ipaddress.IPv4Address(int(ip))}"
    return str(ip)


def text_of(text: object, field_name: str) -> str:
    if not isinstance(text, str):
        raise ConsentError(f"invalid_{field_name}", "This must be text.", field_name)
    if not is_storable(text):
        raise ConsentError(
            f"invalid_{field_name}", "This text holds characters that cannot be kept.", field_name
        )
    if len(text) > TEXT_MAX:
        raise ConsentError(
            f"{field_name}_too_long", f"This has at most {TEXT_MAX} characters.", field_name
        )
    return text


def is_storable(text: str) -> bool:
    """PostgreSQL takes no NUL, and UTF-8 no lone surrogate; JSON can carry both."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _evidence(evidence: object) -> dict[str, Any]:
    if evidence is None:
        return {}
    if not isinstance(evidence, Mapping):
        raise _no_evidence()
    try:
        text = _AS_HANDED_IN.encode(evidence)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise _no_evidence() from None
    if _holds_nul(text):
        raise ConsentError(
            "invalid_evidence", "The evidence holds characters that cannot be kept.", "evidence"
        )
    if size > EVIDENCE_MAX_BYTES:
        raise ConsentError(
            "evidence_too_long", f"The evidence has at most {EVIDENCE_MAX_BYTES} bytes.", "evidence"
        )
    kept: dict[str, Any] = _AS_KEPT.decode(text)
    return kept


def _no_evidence() -> ConsentError:
    return ConsentError("invalid_evidence", "The evidence is a JSON object.", "evidence")


def _check_proven(required: Collection[str], evidence: Mapping[str, Any]) -> None:
    proven = notices.PROVES if notices.is_named(evidence) else frozenset[str]()
    missing = sorted(
        name
        for name in required
        if name not in proven and not str(evidence.get(name) or "").strip()
    )
    if missing:
        message = f"An opt-in to this purpose needs evidence of {', '.join(missing)}."
        raise ConsentError("evidence_required", message, "evidence")


def _as_stored(number: str) -> int | float:
    """The number as it comes back from the database, so that its commitment still fits."""
    value = float(number)
    return int(value) if value.is_integer() else value


# Made once: `json` makes a coder for every call that has options.
_AS_HANDED_IN = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_AS_KEPT = json.JSONDecoder(parse_float=_as_stored)


def _holds_nul(text: str) -> bool:
    return "\\u0000" in text and _NUL_IN_JSON.search(text) is not None


def moment(time: object, field_name: str) -> datetime:
    """A time with its zone, of this age of computers."""
    if not isinstance(time, datetime) or time.tzinfo is None:
        message = "This must be a time with its zone."
        raise ConsentError(f"invalid_{field_name}", message, field_name)
    if time < EARLIEST:
        raise ConsentError(f"invalid_{field_name}", "This is too long ago.", field_name)
    return time


def _occurred_at(entry: Entry, origin: Origin, now: datetime) -> datetime | None:
    if entry.occurred_at is None:
        return None
    occurred_at = moment(entry.occurred_at, "occurred_at")
    if occurred_at > now + CLOCK_TOLERANCE and origin not in CUT_TO_NOW_ORIGINS:
        raise ConsentError("occurred_in_future", "This has not happened yet.", "occurred_at")
    # What lies ahead is cut when it is written; the last hours of year 9999 have no UTC.
    return occurred_at if occurred_at > now else occurred_at.astimezone(UTC)

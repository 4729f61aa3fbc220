"""What a person's message does: it moves the customer window, and may be a word of theirs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from consents import (
    addressbook,
    awaiting,
    double_opt_in,
    entries,
    holds,
    identifiers,
    ledger,
    window_lines,
)
from consents.addressbook import key_of
from consents.commitments import keyed_digest
from consents.double_opt_in import Yes
from consents.entries import Entry
from consents.errors import ConsentError
from consents.keywords import Keyword as Word
from consents.keywords import Match, Matcher, MatchKind
from consents.models import (
    ChannelIdentity,
    ConsentEvent,
    InboundMessage,
    Keyword,
    Sender,
    Standing,
)
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Action, ConfirmedBy, KeywordAction, Origin
from consents.writing import Page, database_clock

MESSAGE_ID_MAX = 200
TEXT_MAX = 65536
_SAYS_YES = (MatchKind.START, MatchKind.CONFIRM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of a person. `received_at` is the provider's time, with a zone; None: now.

    `payload` and `title` are those of a pressed button or chosen row. Texts are read and not kept.
    """

    channel: str
    identity: object = field(repr=False)
    message_id: str
    received_at: datetime | None = None
    text: str = field(default="", repr=False)
    payload: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """What came of it. `is_repeat`: the message was known already, and nothing was done."""

    identity: ChannelIdentity
    match: Match | None
    events: Sequence[ConsentEvent]
    is_repeat: bool = False


def receive(sender: Sender | str, message: Message) -> Received:
    """Let a message in, once however often it comes.

    A stop or start as a whole text becomes an opt-out or opt-in; a watched word inside a longer
    text puts a hold on marketing and asks for a person. A start or a yes confirms the newest opt-in
    that waits for this person's word; a yes to nothing is a message like any other. Every message
    but a stop of everything moves the customer window. Raises ConsentError, and changes nothing,
    for nonsense.
    """
    [received] = receive_many(sender, [message])
    if isinstance(received, ConsentError):
        raise received
    return received


def receive_many(
    sender: Sender | str, messages: Sequence[Message]
) -> list[Received | ConsentError]:
    """The same for many, in one transaction: a result for each message, in their order.

    Nonsense does not hold up its neighbours.
    """
    return ledger.once_more_on_deadlock(lambda: _receive(ledger.the_sender(sender), messages))


def the_matcher(purposes: PurposeTree) -> Matcher:
    """Knows the keywords and the names of purposes as they are now."""
    words = [
        Word(
            word=row.word, language=row.language, action=KeywordAction(row.action), watch=row.watch
        )
        for row in Keyword.objects.filter(is_active=True)
    ]
    known = purposes.by_id.values()
    names = {purpose.name: purpose.key for purpose in known}
    return Matcher(words, {**names, **{purpose.key: purpose.key for purpose in known}})


@dataclass(slots=True)
class _Taken:
    """One message on its way in."""

    message: Message
    address: identifiers.Address
    match: Match | None
    row: InboundMessage
    events: list[ConsentEvent] = field(default_factory=list)
    hold: ConsentEvent | None = None


def _receive(sender: Sender, messages: Sequence[Message]) -> list[Received | ConsentError]:
    purposes = PurposeTree.load()
    taken = _take(sender, messages, purposes)
    found = [one for one in taken if isinstance(one, _Taken)]
    InboundMessage.objects.bulk_create([one.row for one in found], ignore_conflicts=True)
    ids = [one.row.id for one in found]
    kept = set(InboundMessage.objects.filter(id__in=ids).values_list("id", flat=True))
    fresh = [one for one in found if one.row.id in kept]
    _confirm(purposes, fresh)
    _obey(sender, fresh)
    _note(sender, purposes, fresh)
    return [one if isinstance(one, ConsentError) else _received(one, kept) for one in taken]


def _received(one: _Taken, kept: Collection[UUID]) -> Received:
    is_repeat = one.row.id not in kept
    return Received(one.row.identity, one.match, one.events, is_repeat=is_repeat)


def _take(
    sender: Sender, messages: Sequence[Message], purposes: PurposeTree
) -> list[_Taken | ConsentError]:
    """Each checked and read, and who wrote it; nothing of it is kept yet."""
    checked = [_checked_or_error(message) for message in messages]
    addresses = {one[0]: None for one in checked if not isinstance(one, ConsentError)}
    identities = addressbook.find_or_create(sender, addresses).identities
    has_words = any(one.text or one.payload or one.title for one in messages)
    matcher = the_matcher(purposes) if has_words else Matcher((), {})
    now = database_clock()
    taken: list[_Taken | ConsentError] = []
    for message, one in zip(messages, checked, strict=True):
        if isinstance(one, ConsentError):
            taken.append(one)
            continue
        address, message_id = one
        match = _match(matcher, message)
        row = InboundMessage(
            sender=sender,
            channel=address.channel.value,
            message_id=keyed_digest(b"message\0" + message_id.encode()).hex(),
            identity=identities[key_of(address)],
            received_at=min(message.received_at or now, now),
            recorded_at=now,
            counts_for_window=not _stops_all(match),
        )
        taken.append(_Taken(message, address, match, row))
    return taken


def _checked_or_error(message: Message) -> tuple[identifiers.Address, str] | ConsentError:
    try:
        return _checked(message)
    except ConsentError as error:
        return error


def _checked(message: Message) -> tuple[identifiers.Address, str]:
    message_id = message.message_id
    if not isinstance(message_id, str) or not message_id.strip():
        raise ConsentError("message_id_required", "Name the message's id.", "message_id")
    if not entries.is_storable(message_id):
        problem = "The message id holds characters that cannot be kept."
        raise ConsentError("invalid_message_id", problem, "message_id")
    if len(message_id) > MESSAGE_ID_MAX:
        raise ConsentError("message_id_too_long", "The message id is too long.", "message_id")
    for text in (message.text, message.payload, message.title):
        if text is not None and (not isinstance(text, str) or len(text) > TEXT_MAX):
            raise ConsentError("invalid_text", "This must be a text of sane length.", "text")
    if message.received_at is not None:
        entries.moment(message.received_at, "received_at")
    channel = entries.channel(message.channel)
    return identifiers.normalise(channel, message.identity), message_id


def _match(matcher: Matcher, message: Message) -> Match | None:
    if message.payload or message.title:
        return matcher.match_reply(message.payload, message.title)
    return matcher.match(message.text) if message.text else None


def _confirm(purposes: PurposeTree, taken: Sequence[_Taken]) -> None:
    """Say yes to what waits for it; where nothing does, the word is none."""
    saying = [(one, one.match) for one in taken if one.match and one.match.kind in _SAYS_YES]
    if not saying:
        return
    list(Standing.objects.locked([one.row.identity_id for one, _ in saying]))
    for one, match in saying:
        request = _waiting(one.row, match, purposes)
        if request is not None:
            one.events.append(double_opt_in.confirm(request, _yes(one, match)).event)
        elif match.kind is MatchKind.CONFIRM:
            one.match = None


def _waiting(row: InboundMessage, match: Match, purposes: PurposeTree) -> UUID | None:
    """What was asked for before this was written, the newest; of the purpose named, if one is."""
    found = awaiting.still_open([row.identity_id], purposes, row.received_at)
    asked = (one.request for one in found if one.request.occurred_at <= row.received_at)
    meant = (one.id for one in asked if match.purpose in (None, one.purpose.key))
    return next(meant, None)


def _yes(one: _Taken, match: Match) -> Yes:
    return Yes(
        by=ConfirmedBy.KEYWORD,
        occurred_at=one.row.received_at,
        evidence=_evidence(match, one.message),
        actor=one.message.actor,
    )


def _obey(sender: Sender, taken: Sequence[_Taken]) -> None:
    """Record the opt-outs and opt-ins that the words are."""
    asked = [
        (one, entry) for one in taken if one.match and (entry := _entry(one, one.match)) is not None
    ]
    if not asked:
        return
    recorded = ledger.record_many(sender, [entry for _, entry in asked])
    for (one, _), result in zip(asked, recorded, strict=True):
        if isinstance(result, ConsentError):
            raise result
        one.events += result.events


def _entry(one: _Taken, match: Match) -> Entry | None:
    if match.kind in (MatchKind.WATCH, MatchKind.CONFIRM):
        return None
    return Entry(
        action=Action.OPT_OUT if match.kind == MatchKind.STOP else Action.OPT_IN,
        channel=one.address.channel,
        identity=one.address.value,
        purpose=match.purpose or ROOT_PURPOSE,
        source=holds.KEYWORD_SOURCE,
        evidence=_evidence(match, one.message),
        occurred_at=one.row.received_at,
        origin=Origin.KEYWORD,
        actor=one.message.actor,
    )


def _note(sender: Sender, purposes: PurposeTree, taken: Sequence[_Taken]) -> None:
    """Move the windows, and put a hold on where a watched word asks for a person."""
    page = Page(sender, purposes)
    page.lock({one.row.identity_id for one in taken})
    for one in taken:
        at, identity = one.row.received_at, one.row.identity
        if not _stops_all(one.match):
            for line in window_lines.moved_by(page, identity, at):
                one.events.append(page.add(line))
        if one.match is not None and one.match.kind == MatchKind.WATCH:
            evidence = _evidence(one.match, one.message)
            one.hold = holds.put_on(page, identity, at, evidence, one.message.actor)
            one.events.append(one.hold)
    page.write()
    for one in taken:
        if one.hold is not None:
            holds.ask(one.hold)


def _stops_all(match: Match | None) -> bool:
    return match is not None and match.kind == MatchKind.STOP and match.purpose is None


def _evidence(match: Match, message: Message) -> dict[str, Any]:
    return {"keyword": match.keyword, "message_id": message.message_id}

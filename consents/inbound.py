"""What a person's message does: it moves the customer window, and may be a word of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from consents import addressbook, entries, holds, identifiers, ledger, window_lines
from consents.addressbook import key_of
from consents.errors import ConsentError
from consents.keywords import Keyword as Word
from consents.keywords import Match, Matcher, MatchKind
from consents.models import ChannelIdentity, ConsentEvent, InboundMessage, Keyword, Sender
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Action, KeywordAction, Origin
from consents.writing import Page, database_clock

MESSAGE_ID_MAX = 200
TEXT_MAX = 65536


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
    text puts a hold on marketing and asks for a person. Every message but a stop of everything
    moves the customer window. Raises ConsentError, and changes nothing, for nonsense.
    """
    return ledger.once_more_on_deadlock(lambda: _receive(ledger.the_sender(sender), message))


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


def _receive(sender: Sender, message: Message) -> Received:
    address, message_id = _checked(message)
    purposes = PurposeTree.load()
    identity = addressbook.find_or_create(sender, {address: None}).identities[key_of(address)]
    now = database_clock()
    received_at = min(message.received_at or now, now)
    match = _match(message, purposes)
    noted = InboundMessage(
        sender=sender,
        channel=address.channel.value,
        message_id=message_id,
        identity=identity,
        received_at=received_at,
        recorded_at=now,
        counts_for_window=not _stops_all(match),
    )
    InboundMessage.objects.bulk_create([noted], ignore_conflicts=True)
    if not InboundMessage.objects.filter(id=noted.id).exists():
        return Received(identity, match, [], is_repeat=True)
    events = _obey(sender, address, match, received_at, message) if match else []
    events += _note(sender, purposes, identity, received_at, match, message)
    return Received(identity, match, events)


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


def _match(message: Message, purposes: PurposeTree) -> Match | None:
    matcher = the_matcher(purposes)
    if message.payload or message.title:
        return matcher.match_reply(message.payload, message.title)
    return matcher.match(message.text) if message.text else None


def _obey(
    sender: Sender,
    address: identifiers.Address,
    match: Match,
    received_at: datetime,
    message: Message,
) -> list[ConsentEvent]:
    """Record the opt-out or opt-in that the word is."""
    if match.kind == MatchKind.WATCH:
        return []
    recorded = ledger.record(
        sender,
        action=Action.OPT_OUT if match.kind == MatchKind.STOP else Action.OPT_IN,
        channel=address.channel,
        identity=address.value,
        purpose=match.purpose or ROOT_PURPOSE,
        source=holds.KEYWORD_SOURCE,
        evidence=_evidence(match, message),
        occurred_at=received_at,
        origin=Origin.KEYWORD,
        actor=message.actor,
    )
    return list(recorded.events)


def _note(
    sender: Sender,
    purposes: PurposeTree,
    identity: ChannelIdentity,
    received_at: datetime,
    match: Match | None,
    message: Message,
) -> list[ConsentEvent]:
    """Move the window, and put a hold on where a watched word asks for a person."""
    page = Page(sender, purposes)
    page.lock([identity.id])
    if not _stops_all(match):
        for line in window_lines.moved_by(page, identity, received_at):
            page.add(line)
    hold = None
    if match is not None and match.kind == MatchKind.WATCH:
        evidence = _evidence(match, message)
        hold = holds.put_on(page, identity, received_at, evidence, message.actor)
    events = page.write()
    if hold is not None:
        holds.ask(hold)
    return events


def _stops_all(match: Match | None) -> bool:
    return match is not None and match.kind == MatchKind.STOP and match.purpose is None


def _evidence(match: Match, message: Message) -> dict[str, Any]:
    return {"keyword": match.keyword, "message_id": message.message_id}

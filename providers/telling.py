"""What each thing that a provider told does here: the ledger's, the outbox's or staff's."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction

from consents import addressbook, contacts, entries, identifiers, inbound, ledger, reviews
from consents.addressbook import key_of
from consents.entries import Entry
from consents.errors import ConsentError
from consents.inbound import Message, Received
from consents.models import ChannelIdentity, ConsentEvent, Standing
from consents.vocabulary import Action, Category, Origin
from consents.writing import database_clock
from providers import outbox, results
from providers.contract import (
    Contradiction,
    ContradictionHeard,
    Heard,
    Kind,
    MessageHeard,
    NothingHeard,
    Result,
    ResultHeard,
)
from providers.models import ProviderCallback
from providers.outcomes import CallbackStatus
from providers.redaction import clean

DEFAULT_SOURCE = "PROVIDER"
UNMATCHED_FOR = timedelta(minutes=10)
"""How long a result that seems to name a row of ours waits for that row."""

UNMATCHED = "unmatched_result"
CONTRADICTING = "contradicting_report"
SAME_PERSON = "same_person"

One = TypeVar("One", bound=Heard)


class NotYet(Exception):
    """What it belongs to may still become known; nothing was changed."""


@dataclass(slots=True)
class Report:
    """What came of a callback, in words without a person, and whom it was about."""

    said: list[str]
    identities: set[UUID] = field(default_factory=set)
    is_refused: bool = False
    is_ignored: bool = False
    is_unreadable: bool = False

    @property
    def status(self) -> CallbackStatus:
        if self.is_unreadable:
            return CallbackStatus.UNREADABLE
        if self.is_refused:
            return CallbackStatus.FAILED
        return CallbackStatus.IGNORED if self.is_ignored else CallbackStatus.APPLIED

    @property
    def words(self) -> str:
        counted = Counter(self.said).items()
        return clean("; ".join(f"{said} ×{n}" if n > 1 else said for said, n in counted))


Done = tuple[str, Iterable[UUID]]


def tell(callback: ProviderCallback, heard: Sequence[Heard]) -> Report:
    """Let all of it take effect; what cannot be recorded holds up nothing beside it.

    In a transaction. Raises NotYet.
    """
    report = Report([], is_ignored=all(isinstance(one, NothingHeard) for one in heard))
    for one in heard:
        try:
            with transaction.atomic():
                words, identities = _HANDLERS[type(one)](callback, one)
        except ConsentError as error:
            words, identities, report.is_refused = f"refused: {error.code}", (), True
            if not isinstance(one, MessageHeard):
                _ask(callback, UNMATCHED, "callback", str(callback.id))
        report.said.append(words)
        report.identities.update(identities)
    return report


def _nothing(callback: ProviderCallback, heard: NothingHeard) -> Done:
    return heard.what, ()


def _message(callback: ProviderCallback, heard: MessageHeard) -> Done:
    received = inbound.receive(callback.account.sender, message_of(callback, heard))
    others = [_attach(callback, received.identity, *other) for other in heard.also]
    return words_of(received), [received.identity.id, *others]


def message_of(callback: ProviderCallback, heard: MessageHeard) -> Message:
    return Message(
        channel=heard.channel,
        identity=heard.identity,
        message_id=heard.message_id,
        received_at=heard.received_at or callback.received_at,
        text=heard.text,
        payload=heard.payload,
        title=heard.title,
        actor=_actor(callback),
    )


def words_of(received: Received) -> str:
    if received.is_repeat:
        return "message known already"
    return f"message: {received.match.kind.value}" if received.match else "message"


def _attach(callback: ProviderCallback, identity: ChannelIdentity, channel: str, text: str) -> UUID:
    """Another name of the same person, under which they may come alone the next time."""
    address = identifiers.normalise(entries.channel(channel), text)
    other = contacts.attach(identity.contact, address)
    if other.contact_id != identity.contact_id:
        pair = sorted(str(one.contact_id) for one in (identity, other))
        _ask(callback, SAME_PERSON, "contacts", _digest(*pair), identity)
    return other.id


def _result(callback: ProviderCallback, heard: ResultHeard) -> Done:
    row = results.named(callback.account_id, [heard.request_id]).get(
        results.as_row_id(heard.request_id) or callback.id
    )
    if row is not None and row.kind != heard.kind:
        _ask(callback, UNMATCHED, "callback", str(callback.id), row.identity)
        return "names a row of the other kind", [row.identity_id]
    identity = _known(callback, heard.channel, heard.identity)
    if row is None and identity is not None:
        row = results.expected(callback.account_id, identity.id, heard.kind)
    if row is not None:
        results.settle({row.id: heard})
        return f"result: {heard.result.value}", [row.identity_id]
    if results.as_row_id(heard.request_id) and _is_young(callback):
        raise NotYet
    return _unsolicited(callback, heard)


def _is_young(callback: ProviderCallback) -> bool:
    return database_clock() - callback.received_at < UNMATCHED_FOR


def _unsolicited(callback: ProviderCallback, heard: ResultHeard) -> Done:
    """A change that began at the provider, or with the person there."""
    if heard.result != Result.SUCCEEDED:
        return "a failure of what did not begin here", ()
    if not heard.identity:
        _ask(callback, UNMATCHED, "callback", str(callback.id))
        return f"an {_words(heard.kind)} of nobody knows whom", ()
    event = _record(callback, entry_of(callback, heard))
    standing = Standing.objects.get(identity=event.identity_id)
    if standing.may_write != (heard.kind == Kind.OPT_IN):
        outbox.restate(callback.account, event.identity_id)
        return f"{_words(heard.kind)} that the ledger does not bear out", [event.identity_id]
    return _words(heard.kind), [event.identity_id]


def _contradiction(callback: ProviderCallback, heard: ContradictionHeard) -> Done:
    if heard.contradiction == Contradiction.NOT_OPTED_IN:
        return _not_opted_in(callback, heard)
    stopped = heard.contradiction == Contradiction.STOPPED_MARKETING
    evidence = {"code": heard.code, "text": heard.text, "reference": clean(heard.reference)}
    action = Action.OPT_OUT if stopped else Action.OPT_IN
    entry = _entry(callback, action, heard, evidence, purpose=Category.MARKETING.value)
    event = _record(callback, entry)
    return heard.contradiction.value.replace("_", " "), [event.identity_id]


def _not_opted_in(callback: ProviderCallback, heard: ContradictionHeard) -> Done:
    """A hint that the provider's book disagrees with ours, where it does; staff decide."""
    identity = _known(callback, heard.channel, heard.identity)
    if heard.identity and identity is None:
        return "not opted in, and unknown here", ()
    if identity and not Standing.objects.filter(identity=identity, may_write=True).exists():
        return "not opted in, as here", [identity.id]
    who = str(identity.id) if identity else ""
    subject = _digest(str(callback.account_id), who, heard.code, heard.reference)
    _ask(callback, CONTRADICTING, "report", subject, identity)
    return "not opted in, which the ledger contradicts", [identity.id] if identity else []


def entry_of(callback: ProviderCallback, heard: ResultHeard) -> Entry:
    """The line of the ledger that a change which began at the provider is."""
    evidence = {"request_id": clean(heard.request_id, limit=100)}
    return _entry(callback, Action(heard.kind.value), heard, evidence)


def _entry(
    callback: ProviderCallback,
    action: Action,
    heard: ResultHeard | ContradictionHeard,
    evidence: Mapping[str, str],
    **fields: Any,
) -> Entry:
    source = str((callback.account.settings or {}).get("default_source") or DEFAULT_SOURCE)
    told = {name: value for name, value in evidence.items() if value}
    return Entry(
        action=action.value,
        channel=heard.channel,
        identity=heard.identity,
        source=source,
        evidence={"provider": callback.account.kind, "callback": str(callback.id), **told},
        # Applied again, it is not said again.
        occurred_at=heard.occurred_at or callback.received_at,
        origin=Origin.PROVIDER.value,
        actor=_actor(callback),
        **fields,
    )


def _record(callback: ProviderCallback, entry: Entry) -> ConsentEvent:
    [recorded] = ledger.record_many(callback.account.sender, [entry])
    if isinstance(recorded, ConsentError):
        raise recorded
    return recorded.event


def _known(callback: ProviderCallback, channel: str, text: str | None) -> ChannelIdentity | None:
    """The identity, where there is one already."""
    if not text:
        return None
    try:
        address = identifiers.normalise(entries.channel(channel), text)
    except ConsentError:
        return None
    return addressbook.find(callback.account.sender, [address]).get(key_of(address))


def _ask(
    callback: ProviderCallback,
    kind: str,
    subject_kind: str,
    subject: str,
    identity: ChannelIdentity | None = None,
) -> None:
    """Let a person look at it, once."""
    reviews.ask(
        callback.account.sender,
        kind,
        callback.received_at,
        identity=identity,
        subject=(subject_kind, subject),
        url=f"/admin/providers/providercallback/{callback.id}/change/",
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _actor(callback: ProviderCallback) -> str:
    return f"account:{callback.account_id}"


def _words(kind: Kind) -> str:
    return kind.value.replace("_", "-")


_HANDLERS: dict[type, Callable[[ProviderCallback, Any], Done]] = {
    NothingHeard: _nothing,
    MessageHeard: _message,
    ResultHeard: _result,
    ContradictionHeard: _contradiction,
}

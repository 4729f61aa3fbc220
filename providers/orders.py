"""Writes down what a drop-in was asked for, and notes whose result subscribers are to hear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError

from consents import addressbook, entries, identifiers, ledger
from consents.entries import Entry
from consents.errors import ConsentError
from consents.ledger import Recorded
from consents.models import ConsentEvent, Contact, Sender
from consents.vocabulary import SOURCE_MAX, Channel, Lifts, Origin
from providers import notifications
from providers.contract import Kind
from providers.dropin_contract import Recipient, Registering, Wish
from providers.models import ProviderAccount

DEFAULT_SOURCE = "DROPIN"
NO_IDENTITY = "The contact has no identity on this channel."
_TRIES = 3

Result = Recorded | ConsentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A wish and on whose behalf it is carried out. `actor` is named in the ledger."""

    wish: Wish
    sender: Sender
    account: ProviderAccount | None
    actor: str


class UnknownContactError(Exception):
    """The sender has no contact of this id."""


class TakenMeanwhileError(Exception):
    """Somebody else keeps changing whose the identities are. It may be tried again."""


class _NotAllError(Exception):
    """An opt-in among them cannot be recorded, so none is."""


def carry_out(order: Order) -> bool:
    """Record a wish in one transaction; whether all of its recipients could be recorded.

    Opt-ins are recorded together or not at all; opt-outs as far as they can be. Raises
    UnknownContactError and TakenMeanwhileError; nothing is recorded then.
    """
    for _ in range(_TRIES):
        try:
            return ledger.once_more_on_deadlock(lambda: _carry_out(order))
        except (TakenMeanwhileError, IntegrityError):
            # An identity, or a contact that nobody had named, became another's just now.
            continue
        except _NotAllError:
            return False
    raise TakenMeanwhileError


def _carry_out(order: Order) -> bool:
    wish = order.wish
    contact = _contact_named(order)
    spoken = [one for one in wish.recipients if contact or one.identity is not None]
    owner = contact or _owner(order)
    results = ledger.record_many(order.sender, [_entry(order, one, owner) for one in spoken])
    _check(wish, results)
    if wish.registering:
        _await_results(order, wish.registering, spoken, results)
    return not any(map(_is_refusal, results))


def _contact_named(order: Order) -> Contact | None:
    """By our id, else by the sender's own."""
    registering = order.wish.registering
    if registering is None or registering.contact is None:
        return None
    reference = registering.contact
    contacts = Contact.objects.filter(sender=order.sender)
    found = None
    if (id := _as_uuid(reference)) is not None:
        found = contacts.filter(id=id).first()
    if found is None and entries.is_storable(reference):
        found = contacts.filter(external_id=reference).first()
    if found is None:
        raise UnknownContactError
    return found


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _owner(order: Order) -> Contact | None:
    """The contact whose the recipients become, where they are named together as one person's.

    The one that somebody has given a name, else the oldest of the strangers that they are so far,
    else a new one. Where they are several contacts with names, they stay as they are.
    """
    addresses = set(_addresses(order.wish.recipients)) if order.wish.registering else set()
    if len(addresses) < 2:
        return None
    known = addressbook.find(order.sender, addresses).values()
    contacts = {one.contact_id: one.contact for one in known}
    named = [contact for contact in contacts.values() if not contact.is_stranger]
    if len(named) > 1:
        return None
    if not contacts:
        return Contact.objects.create(sender=order.sender)
    return named[0] if named else contacts[min(contacts)]


def _addresses(recipients: Iterable[Recipient]) -> list[identifiers.Address]:
    """Those that can be read; the record itself refuses the others."""
    addresses = []
    for one in recipients:
        if one.identity is not None:
            try:
                addresses.append(identifiers.normalise(Channel[one.channel], one.identity))
            except ConsentError:
                continue
    return addresses


def _entry(order: Order, recipient: Recipient, contact: Contact | None) -> Entry:
    return Entry(
        action=order.wish.kind.value,
        channel=recipient.channel,
        identity=recipient.identity,
        contact=contact,
        channels=[recipient.channel],
        source=recipient.source or _source_of(order.account),
        ip=recipient.ip,
        user_agent=recipient.user_agent,
        evidence=_evidence(order),
        origin=Origin.DROPIN,
        actor=order.actor,
        lifts=Lifts(order.wish.entitlement.value),
    )


def _source_of(account: ProviderAccount | None) -> str:
    named = (account.settings or {}).get("default_source") if account else None
    return str(named or "").strip()[:SOURCE_MAX] or DEFAULT_SOURCE


def _evidence(order: Order) -> dict[str, str]:
    evidence = {}
    if order.account:
        evidence["account"] = str(order.account.id)
    if order.wish.registering:
        evidence["request_id"] = order.wish.registering.request_id
    return evidence


def _check(wish: Wish, results: Sequence[Result]) -> None:
    for result in results:
        if isinstance(result, ConsentError) and result.code == "identity_conflict":
            raise TakenMeanwhileError
    if wish.kind is Kind.OPT_IN and any(map(_is_refusal, results)):
        raise _NotAllError


def _is_refusal(result: Result) -> bool:
    """A contact without an identity on the channel is a result to be told, no refusal."""
    return isinstance(result, ConsentError) and result.code != "no_identity"


def _await_results(
    order: Order,
    registering: Registering,
    spoken: Sequence[Recipient],
    results: Sequence[Result],
) -> None:
    """Note each line whose result is to be told, and each recipient that there was nobody for."""
    lacking = [one.channel for one in order.wish.recipients if one not in spoken]
    for recipient, result in zip(spoken, results, strict=True):
        if isinstance(result, Recorded):
            for event in result.events:
                _tell(order, registering, recipient.channel, result=event)
        elif not _is_refusal(result):
            lacking.append(recipient.channel)
    for channel in lacking:
        _tell(order, registering, channel, refusal=NO_IDENTITY)


def _tell(
    order: Order,
    registering: Registering,
    channel: str,
    *,
    result: ConsentEvent | None = None,
    refusal: str = "",
) -> None:
    notifications.register(
        sender=order.sender,
        kind=order.wish.kind,
        channel=channel,
        event=result,
        identity=result.identity if result else None,
        account=order.account,
        request_id=registering.request_id,
        contact_ref=registering.contact or "",
        refusal=refusal,
    )

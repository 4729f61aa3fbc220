"""How a contact stands: each address, what was said of it, and what may be sent to it now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from consents import awaiting, gate, window
from consents.admin import wording
from consents.models import ChannelIdentity, Contact, ReviewItem
from consents.purposes import PurposeTree
from consents.vocabulary import Channel

IDENTITIES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gate says about one purpose. `event`: the line of the ledger that decides it."""

    purpose: str
    is_allowed: bool
    text: str
    event: UUID | None


@dataclass(frozen=True, slots=True)
class Question:
    item: ReviewItem
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One address of the contact. `window`: until when it is open, in words; empty: has none.

    `waiting`: what they have to confirm. `answers` are of the time looked at, the rest is of now.
    """

    identity: ChannelIdentity
    name: str
    window: str
    consents: Sequence[str]
    waiting: Sequence[str]
    answers: Sequence[Answer]


def of(contact: Contact, at: datetime | None = None, *, hindsight: bool = False) -> list[Standing]:
    """The contact's addresses, at most IDENTITIES_SHOWN, and what the gate says of them.

    Now, or `at` a time in the past from what was known then, or by `hindsight` is known today.
    """
    identities = contact.identities.select_related("standing", "sender").prefetch_related(
        "consents__purpose", "consents__event"
    )
    purposes = PurposeTree.load()
    return [
        _standing(one, purposes, at, hindsight=hindsight)
        for one in identities.order_by("id")[:IDENTITIES_SHOWN]
    ]


def open_questions(contact: Contact) -> list[Question]:
    """What somebody has to decide about this contact, with the address it concerns."""
    asked = ReviewItem.objects.filter(identity__contact=contact, decided_at__isnull=True)
    items = asked.select_related("identity")[:IDENTITIES_SHOWN]
    return [Question(item, wording.named(item.identity)) for item in items if item.identity]


def _standing(
    identity: ChannelIdentity, purposes: PurposeTree, at: datetime | None, *, hindsight: bool
) -> Standing:
    sender, channel, address = identity.sender, identity.channel, identity.address
    permissions = [
        gate.check(sender, channel, address, purpose.key, at, hindsight=hindsight)
        for purpose in purposes.in_order()
        if address is not None
    ]
    return Standing(
        identity=identity,
        name=wording.named(identity),
        window=_window(identity, timezone.now()),
        consents=[wording.state(one) for one in identity.consents.all()],
        waiting=_waiting(identity, purposes),
        answers=[
            Answer(purpose.name, permission.allowed, wording.verdict(permission), permission.event)
            for purpose, permission in zip(purposes.in_order(), permissions, strict=False)
        ],
    )


def _waiting(identity: ChannelIdentity, purposes: PurposeTree) -> list[str]:
    """For each purpose once, of several the newest."""
    found = awaiting.still_open([identity.id], purposes, timezone.now())
    newest = {one.request.purpose_id: one for one in reversed(found)}
    return [
        f"An opt-in to {wording.for_purpose(one.request.purpose.key, one.request.purpose.name)}. "
        f"{wording.confirmation(one)}"
        for one in newest.values()
    ]


def _window(identity: ChannelIdentity, now: datetime) -> str:
    length = Channel(identity.channel).window
    last = identity.standing.last_inbound_at
    if length is None:
        return ""
    end = window.closes_at(last, length)
    if end is None:
        return "Closed: they have not written"
    is_open = window.is_open(last, length, now)
    return f"{'Open until' if is_open else 'Closed since'} {wording.moment(end)}"

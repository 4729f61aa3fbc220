"""Legal holds: what a court may ask for is not forgotten, by anybody's wish nor by time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from consents.errors import ConsentError
from consents.models import ChannelIdentity, Contact, LegalHold, Sender
from consents.writing import database_clock


def place(sender: Sender, contact: Contact | None, *, reason: str, actor: str) -> LegalHold:
    """Keep all that is known of this contact, or of everybody of the sender, until it is lifted.

    Raises ConsentError `reason_required`, and `unknown_contact` for another sender's.
    """
    if not reason.strip():
        raise ConsentError("reason_required", "Say which case it is for.", "reason")
    if contact is not None and contact.sender_id != sender.id:
        raise ConsentError("unknown_contact", "There is no such contact.", "contact")
    return LegalHold.objects.create(
        sender=sender,
        contact=contact,
        reason=reason,
        placed_by=actor,
        placed_at=database_clock(),
    )


@transaction.atomic
def lift(hold: LegalHold, *, actor: str) -> None:
    """What is old enough, or waits to be erased, goes with the next sweep."""
    locked = LegalHold.objects.select_for_update().get(id=hold.id)
    if locked.lifted_at is not None:
        raise ConsentError("already_lifted", "This legal hold was lifted before.")
    locked.lifted_by, locked.lifted_at = actor, database_clock()
    locked.save(update_fields=["lifted_by", "lifted_at"])


def is_held(contact: UUID) -> bool:
    about = Q(contact=contact) | Q(contact=None, sender__contacts=contact)
    return LegalHold.objects.filter(about, lifted_at=None).exists()


def check(contact: UUID) -> None:
    """Raises ConsentError `legal_hold`."""
    if is_held(contact):
        message = "A legal hold is on: nothing of this person may be erased until it is lifted."
        raise ConsentError("legal_hold", message)


def held_identities() -> QuerySet[ChannelIdentity, UUID]:
    """The ids of all identities that a hold is on; for use within other questions."""
    on = Q(contact__in=_held_contacts()) | Q(sender__in=held_senders())
    return ChannelIdentity.objects.filter(on).values_list("id", flat=True)


def held_senders() -> Collection[UUID]:
    """Those of whom nothing at all is forgotten."""
    whole = LegalHold.objects.filter(lifted_at=None, contact=None)
    return list(whole.values_list("sender", flat=True))


def held_one_by_one() -> Collection[UUID]:
    """Identities of contacts that a hold of their own is on: few, unlike those of a sender."""
    people = ChannelIdentity.objects.filter(contact__in=_held_contacts())
    return list(people.values_list("id", flat=True))


def _held_contacts() -> QuerySet[LegalHold, Any]:
    holds = LegalHold.objects.filter(lifted_at=None, contact__isnull=False)
    return holds.values("contact")

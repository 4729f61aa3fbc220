"""What the record itself holds about people, and how it forgets them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from consents import documents, holders, notices
from consents.holders import File, Holder, Person, rows_of
from consents.models import (
    ChannelIdentity,
    Confirmation,
    Consent,
    ConsentEvent,
    Contact,
    Disclosure,
    Erasure,
    EventDetail,
    InboundMessage,
    LegalHold,
    ReviewItem,
    Revocation,
    StaffAction,
    Standing,
)
from consents.models.base import ClockTimestamp
from consents.models.ledger import NOTHING_PERSONAL


class RecordHolder(Holder):
    """The ledger, whose lines stay: what was personal about them goes, and with it their salts.

    So the hashes that stay with the lines point at nobody. Names and addresses go too; states and
    times say nothing of a person whom nobody can name.
    """

    models: ClassVar[frozenset[type[Model]]] = frozenset(
        {Contact, ChannelIdentity, Standing, Consent, ConsentEvent, EventDetail}
        | {InboundMessage, Confirmation, ReviewItem, Revocation, Erasure, Disclosure, LegalHold}
    )

    def file(self, identities: Collection[UUID]) -> File:
        people = ChannelIdentity.objects.filter(id__in=identities).order_by("id")
        contacts = people.values("contact")
        reviews = ReviewItem.objects.filter(identity__in=identities).order_by("created_at", "id")
        asked = {"contact__in": contacts}
        return {
            "identities": rows_of(people, "id", "channel", "address", "warnings", "created_at"),
            "states": rows_of(
                Consent.objects.filter(identity__in=identities).order_by("identity", "purpose"),
                *("identity", "state", "since", "event"),
                purpose="purpose__key",
            ),
            "events": _events(identities),
            "notices": _notices(identities),
            "messages": rows_of(
                InboundMessage.objects.filter(identity__in=identities).order_by("received_at"),
                *("identity", "channel", "received_at", "recorded_at", "counts_for_window"),
            ),
            "confirmations": rows_of(
                Confirmation.objects.filter(event__identity__in=identities).order_by("claimed_at"),
                *("event", "claimed_at"),
            ),
            "questions": rows_of(
                reviews,
                *("identity", "kind", "created_at", "decided_at", "decided_by"),
                *("decision", "note"),
            ),
            "erasures": rows_of(
                Erasure.objects.filter(**asked).order_by("asked_at"),
                *("actor", "asked_at", "finished_at"),
            ),
            "disclosures": rows_of(
                Disclosure.objects.filter(**asked).order_by("at"), *("actor", "at")
            ),
            "staff_actions": _staff_actions([*contacts.values_list("contact", flat=True)], reviews),
        }

    def erase(self, person: Person) -> None:
        details = EventDetail.objects.filter(event__identity__in=person.identities, erased_at=None)
        details.update(**NOTHING_PERSONAL, erased_at=ClockTimestamp())
        lifted = LegalHold.objects.filter(contact__identities__in=person.identities)
        lifted.filter(lifted_at__isnull=False).update(reason="")
        reviews = ReviewItem.objects.filter(identity__in=person.identities)
        reviews.update(note="")
        Revocation.objects.filter(review__in=reviews).update(person="")


def _events(identities: Collection[UUID]) -> list[dict[str, Any]]:
    """With their proofs, and with the salts by which the ledger's hashes of them can be checked."""
    lines = ConsentEvent.objects.filter(identity__in=identities).order_by("seq")
    details = ("ip", "user_agent", "evidence", "note", "salt", "address_salt", "erased_at")
    return rows_of(
        lines,
        *("id", "seq", "identity", "action", "source", "origin", "actor", "occurred_at"),
        *("recorded_at", "effective", "outcome", "cause"),
        *("address_commitment", "detail_commitment"),
        purpose="purpose__key",
        **{name: f"detail__{name}" for name in details},
    )


def _notices(identities: Collection[UUID]) -> list[dict[str, Any]]:
    """The exact wording of what they were shown, once each."""
    lines = ConsentEvent.objects.filter(identity__in=identities).select_related("detail")
    naming = lines.filter(detail__evidence__has_key=notices.NAME).order_by("seq")
    return [documents.notice(one) for one in dict.fromkeys(notices.named_by(naming).values())]


def _staff_actions(contacts: Iterable[UUID], reviews: QuerySet[ReviewItem]) -> list[dict[str, Any]]:
    """What staff did on pages about the person; who they are is not the person's to know."""
    pages = [*contacts, *reviews.values_list("id", flat=True)]
    about = Q(contact__in=contacts) | Q(object_id__in=list(map(str, pages)))
    done = StaffAction.objects.filter(about).order_by("id")
    return rows_of(done, "at", "deed", "text", staff="actor", page="model")


def forget_names(contact: UUID) -> None:
    Contact.objects.filter(id=contact).update(external_id=None, display_name="", language="")


def forget_addresses(identities: Iterable[UUID]) -> None:
    """What is left recognises the address when it comes again, and tells it to nobody."""
    erased = ChannelIdentity.objects.filter(id__in=list(identities))
    erased.update(address=None, lookup_key=None, warnings=[])


def connect() -> None:
    holders.register(_RECORD)


_RECORD = RecordHolder()

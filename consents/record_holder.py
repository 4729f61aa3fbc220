"""What the record itself holds about people, and how it forgets them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

from django.db.models import Model

from consents import holders
from consents.holders import Holder, Person
from consents.models import (
    ChannelIdentity,
    Confirmation,
    Consent,
    ConsentEvent,
    Contact,
    Erasure,
    EventDetail,
    InboundMessage,
    ReviewItem,
    Standing,
)
from consents.models.base import ClockTimestamp


class RecordHolder(Holder):
    """The ledger, whose lines stay: what was personal about them goes, and with it their salts.

    So the hashes that stay with the lines point at nobody. Names and addresses go too; states and
    times say nothing of a person whom nobody can name.
    """

    models: ClassVar[frozenset[type[Model]]] = frozenset(
        {Contact, ChannelIdentity, Standing, Consent, ConsentEvent, EventDetail}
        | {InboundMessage, Confirmation, ReviewItem, Erasure}
    )

    def erase(self, person: Person) -> None:
        details = EventDetail.objects.filter(event__identity__in=person.identities, erased_at=None)
        details.update(
            ip=None,
            user_agent="",
            evidence={},
            note="",
            salt=None,
            address_salt=None,
            erased_at=ClockTimestamp(),
        )
        ReviewItem.objects.filter(identity__in=person.identities).update(note="")


def forget_names(contact: UUID) -> None:
    Contact.objects.filter(id=contact).update(external_id=None, display_name="", language="")


def forget_addresses(identities: Iterable[UUID]) -> None:
    """What is left recognises the address when it comes again, and tells it to nobody."""
    erased = ChannelIdentity.objects.filter(id__in=list(identities))
    erased.update(address=None, lookup_key=None, warnings=[])


def connect() -> None:
    holders.register(_RECORD)


_RECORD = RecordHolder()

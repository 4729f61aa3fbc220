"""Revocations by telephone and letter: recorded at once where it is clear who speaks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from consents import reviews, revocations
from consents.errors import ConsentError
from consents.models import ConsentEvent, Contact, Purpose, ReviewItem, Sender
from consents.revocations import Told
from consents.vocabulary import Channel, Medium
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    ago,
    state_of,
)

pytestmark = pytest.mark.usefixtures("sender")
LETTER_OF = ago(days=3)


def told(person: str, *channels: Channel, received_at: datetime = LETTER_OF) -> Told:
    return Told(
        person=person,
        channels=channels,
        purpose=Purpose.objects.get(key="all"),
        medium=Medium.LETTER,
        received_at=received_at,
    )


def take(sender: Sender, person: str, *channels: Channel, **fields: Any) -> ReviewItem:
    return revocations.take(
        sender, told(person, *channels, **fields), note="in binder 4", actor="staff:7"
    )


@pytest.mark.parametrize("person", ["+46 73-200 11 22", "crm-7"])
def test_somebody_known_is_opted_out_at_once_everywhere(sender: Sender, person: str) -> None:
    contact = ContactFactory(external_id="crm-7")
    OptInFactory(contact=contact, occurred_at=ago(days=9))
    OptInFactory(contact=contact, channel="SMS", occurred_at=ago(days=9))
    item = take(sender, person)
    assert (state_of(), state_of(channel="SMS")) == ("opted_out", "opted_out")
    assert (item.decision, item.decided_by) == ("opt_out", "staff:7")


def test_the_entry_says_how_and_when_it_came(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=9))
    item = take(sender, NUMBER)
    event = ConsentEvent.objects.get(action="opt_out")
    assert (event.source, event.occurred_at, event.origin) == ("LETTER", LETTER_OF, "admin")
    assert event.detail.note == "in binder 4"
    assert event.detail.evidence == {"revocation": str(item.pk), "medium": "letter"}


def test_only_the_channels_named_are_opted_out(sender: Sender) -> None:
    contact = ContactFactory()
    OptInFactory(contact=contact, occurred_at=ago(days=9))
    OptInFactory(contact=contact, channel="SMS", occurred_at=ago(days=9))
    take(sender, NUMBER, Channel.SMS)
    assert (state_of(), state_of(channel="SMS")) == ("opted_in", "opted_out")


def test_a_number_that_nobody_knows_is_opted_out_on_the_channels_named(sender: Sender) -> None:
    take(sender, OTHER_NUMBER, Channel.SMS, Channel.WHATSAPP)
    assert state_of(OTHER_NUMBER, "SMS") == state_of(OTHER_NUMBER) == "opted_out"


@pytest.mark.parametrize("person", ["Anna from Malmö", OTHER_NUMBER, "crm-unknown"])
def test_somebody_who_is_not_known_waits_for_staff_in_time(sender: Sender, person: str) -> None:
    item = take(sender, person)
    assert (item.decided_at, item.note) == (None, "in binder 4")
    assert item.due_at == reviews.due(LETTER_OF)
    assert item.revocation.person == person
    assert not ConsentEvent.objects.exists()


def test_one_name_on_two_channels_of_which_one_cannot_be_read_records_nothing(
    sender: Sender,
) -> None:
    item = take(sender, OTHER_NUMBER, Channel.SMS, Channel.EMAIL)
    assert item.decided_at is None
    assert not ConsentEvent.objects.exists()


def test_of_two_people_with_one_number_neither_is_guessed(sender: Sender) -> None:
    OptInFactory(contact=ContactFactory())
    OptInFactory(contact=ContactFactory(), channel="SMS")
    assert take(sender, NUMBER).decided_at is None


def test_who_is_found_is_opted_out_for_when_they_said_it(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=9))
    item = take(sender, "Anna from Malmö")
    revocations.settle(item, person=NUMBER, channels=(), actor="staff:8", note="")
    event = ConsentEvent.objects.get(action="opt_out")
    assert (event.occurred_at, event.detail.note) == (LETTER_OF, "in binder 4")
    item = ReviewItem.objects.get()
    assert (item.decided_by, item.identity, item.note) == ("staff:8", event.identity, "")
    assert item.revocation.person == ""


def test_a_wrong_guess_leaves_the_question_open(sender: Sender) -> None:
    item = take(sender, "Anna from Malmö")
    with pytest.raises(ConsentError) as caught:
        revocations.settle(item, person="Anna", channels=(), actor="staff:8", note="")
    assert caught.value.code == "unknown_person"
    assert ReviewItem.objects.get().decided_at is None


def test_it_is_settled_once(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=9))
    item = take(sender, NUMBER)
    with pytest.raises(ConsentError) as caught:
        revocations.settle(item, person=NUMBER, channels=(), actor="staff:8", note="")
    assert caught.value.code == "already_decided"
    assert ConsentEvent.objects.filter(action="opt_out").count() == 1


def test_another_senders_contact_is_nobody(sender: Sender) -> None:
    other = Sender.objects.create(key="other", name="Other")
    OptInFactory(sender=other)
    assert take(sender, NUMBER).decided_at is None
    assert Contact.objects.filter(sender=sender).count() == 0

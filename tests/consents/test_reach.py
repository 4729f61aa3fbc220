"""Whom an entry speaks of: contacts, spreading stops, identities that join later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from consents import ledger
from consents.errors import ConsentError
from consents.ledger import Recorded
from consents.models import (
    ChannelIdentity,
    ConsentEvent,
    Contact,
    Sender,
)
from tests.consents.conftest import Counts
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    ago,
    bulk,
    entry,
    recorded,
    refused,
    state_of,
    swedish_number,
)

pytestmark = pytest.mark.usefixtures("sender")


def test_a_contact_of_another_sender_is_unknown_and_gets_nothing(
    counts: Callable[[], Counts],
) -> None:
    foreign = ContactFactory(sender=SenderFactory())
    before = counts()
    with pytest.raises(ConsentError) as caught:
        OptInFactory(contact=foreign)
    assert (caught.value.code, counts()) == ("unknown_contact", before)
    [result] = bulk(entry(contact=foreign, channel=None, identity=None))
    assert (refused(result), counts()) == ("unknown_contact", before)


def test_an_opt_in_for_an_identity_of_somebody_else_is_a_conflict_and_changes_nothing(
    counts: Callable[[], Counts],
) -> None:
    OptInFactory(contact=ContactFactory(external_id="crm-1"))
    other = ContactFactory(external_id="crm-2")
    before = counts()
    with pytest.raises(ConsentError) as caught:
        OptInFactory(contact=other)
    assert (caught.value.code, counts()) == ("identity_conflict", before)


def test_an_opt_out_is_recorded_whoever_is_said_to_own_the_identity() -> None:
    owner = ContactFactory(external_id="crm-1")
    OptInFactory(contact=owner)
    out = OptOutFactory(contact=ContactFactory(external_id="crm-2"))
    assert (state_of(NUMBER), out.identity.contact_id) == ("opted_out", owner.id)


def test_a_stranger_becomes_the_contact_that_an_entry_says_they_are() -> None:
    stranger = OptInFactory().identity.contact
    contact = ContactFactory(external_id="crm-1")
    event = OptInFactory(contact=contact)
    assert event.identity.contact_id == contact.id
    assert not Contact.objects.filter(id=stranger.id).exists()
    moved = ConsentEvent.objects.get(action="identity_moved")
    assert moved.detail.evidence == {"from": str(stranger.id), "to": str(contact.id)}


def test_a_stranger_who_turns_out_to_be_a_contact_takes_over_their_stop() -> None:
    OptInFactory()
    contact = ContactFactory(external_id="crm-1")
    OptInFactory(contact=contact, identity=OTHER_NUMBER)
    StopFactory(identity=OTHER_NUMBER)
    OptInFactory(contact=contact, origin="import")
    assert state_of(NUMBER) == "opted_out"


def test_a_persons_own_opt_out_for_a_whole_contact_reaches_other_channels_where_it_must() -> None:
    sender = SenderFactory(stop_scope="contact")
    contact = ContactFactory(sender=sender)
    OptInFactory(sender=sender, contact=contact)
    OptInFactory(sender=sender, contact=contact, channel="SMS")
    out = OptOutFactory(
        sender=sender,
        contact=contact,
        channel=None,
        identity=None,
        channels=["SMS"],
        origin="preference_page",
    )
    stopped = ConsentEvent.objects.filter(sender=sender, action="opt_out")
    assert {event.identity.channel for event in stopped} == {"SMS", "WHATSAPP"}
    assert stopped.exclude(id=out.id).get().cause_id == out.id


def test_a_contact_without_identity_on_the_channels_named_is_refused() -> None:
    contact = ContactFactory()
    OptInFactory(contact=contact)
    with pytest.raises(ConsentError) as caught:
        OptOutFactory(contact=contact, channel=None, identity=None, channels=["SMS"])
    assert caught.value.code == "no_identity"


# --- contacts and reach


def states() -> list[str | None]:
    return [
        state_of(NUMBER, "WHATSAPP"),
        state_of(OTHER_NUMBER, "WHATSAPP"),
        state_of(NUMBER, "SMS"),
    ]


def test_an_entry_about_a_contact_makes_one_line_for_each_identity(person: Contact) -> None:
    result = ledger.record("default", action="opt_out", contact=person, source="CRM")
    assert len(result.events) == 3
    assert states() == ["opted_out"] * 3


def test_an_entry_about_a_contact_may_name_the_channels(person: Contact) -> None:
    ledger.record("default", action="opt_out", contact=person, channels=["sms"], source="CRM")
    assert states() == ["opted_in", "opted_in", "opted_out"]


@pytest.mark.parametrize("origin", ["keyword", "preference_page", "provider"])
def test_a_persons_own_stop_counts_for_all_their_identities_on_that_channel(
    person: Contact, origin: str
) -> None:
    stop = OptOutFactory(origin=origin)
    assert states() == ["opted_out", "opted_out", "opted_in"]
    assert [line.identity.address for line in stop.consequences.all()] == [OTHER_NUMBER]


def test_a_persons_own_stop_counts_everywhere_where_the_sender_says_so(person: Contact) -> None:
    Sender.objects.update(stop_scope="contact")
    StopFactory()
    assert states() == ["opted_out"] * 3


@pytest.mark.parametrize("origin", ["api", "admin", "import", "dropin", "system"])
def test_an_opt_out_by_the_business_stays_with_the_identity_it_names(
    person: Contact, origin: str
) -> None:
    OptOutFactory(origin=origin)
    assert states() == ["opted_out", "opted_in", "opted_in"]


@pytest.mark.parametrize("origin", ["keyword", "preference_page"])
def test_an_opt_in_never_spreads(person: Contact, origin: str) -> None:
    Sender.objects.update(stop_scope="contact")
    StopFactory(occurred_at=ago(hours=1))
    OptInFactory(origin=origin)
    assert states() == ["opted_in", "opted_out", "opted_out"]


def test_stops_of_two_identities_of_one_contact_in_a_bulk_count_for_both(person: Contact) -> None:
    stops = [
        entry("opt_out", identity=number, origin="keyword", source="KEYWORD")
        for number in (NUMBER, OTHER_NUMBER)
    ]
    assert [len(result.events) for result in bulk(*stops) if isinstance(result, Recorded)] == [2, 2]
    assert states() == ["opted_out", "opted_out", "opted_in"]


NEWCOMER = swedish_number(0)


def attach(contact: Contact, **fields: Any) -> ConsentEvent:
    return OptInFactory(identity=NEWCOMER, contact=contact, **fields)


def test_an_identity_that_joins_a_contact_takes_over_their_stop(person: Contact) -> None:
    stop = StopFactory(occurred_at=ago(hours=1))
    attach(person, origin="provider")
    assert state_of(NEWCOMER) == "opted_out"
    inherited = ConsentEvent.objects.get(identity__address=NEWCOMER, action="opt_out")
    assert (inherited.cause, inherited.occurred_at) == (stop, stop.occurred_at)


def test_an_identity_that_joins_with_a_later_entitled_opt_in_is_opted_in(person: Contact) -> None:
    StopFactory(occurred_at=ago(hours=1))
    assert attach(person).outcome == "changed"
    assert state_of(NEWCOMER) == "opted_in"


def test_an_identity_that_joins_with_an_older_opt_in_stays_out(person: Contact) -> None:
    StopFactory(occurred_at=ago(hours=1))
    assert attach(person, occurred_at=ago(hours=2)).outcome == "out_of_order"
    assert state_of(NEWCOMER) == "opted_out"


def test_an_opt_out_by_the_business_is_not_taken_over(person: Contact) -> None:
    OptOutFactory()
    attach(person, origin="provider")
    assert state_of(NEWCOMER) == "opted_in"


def test_a_stop_is_taken_over_also_when_the_business_had_opted_the_person_out_before() -> None:
    person = ContactFactory()
    OptOutFactory(contact=person, occurred_at=ago(hours=2))
    assert StopFactory(occurred_at=ago(hours=1)).outcome == "no_change"
    attach(person, origin="provider")
    assert state_of(NEWCOMER) == "opted_out"


def test_a_stop_that_the_person_has_lifted_is_not_taken_over(person: Contact) -> None:
    StopFactory(occurred_at=ago(hours=2))
    for number in (NUMBER, OTHER_NUMBER):
        OptInFactory(identity=number, origin="keyword", occurred_at=ago(hours=1))
    OptOutFactory()
    attach(person, origin="provider")
    assert state_of(NEWCOMER) == "opted_in"


def test_one_stop_is_taken_over_once_however_many_identities_it_counted_for(
    person: Contact,
) -> None:
    stop = StopFactory(occurred_at=ago(hours=1))
    attach(person, origin="provider")
    taken_over = ConsentEvent.objects.filter(identity__address=NEWCOMER, action="opt_out")
    assert [line.cause_id for line in taken_over] == [stop.id]


def test_a_stop_at_the_very_time_of_an_opt_in_is_taken_over() -> None:
    person, when = ContactFactory(), ago(hours=1)
    OptInFactory(contact=person, occurred_at=when)
    StopFactory(occurred_at=when)
    attach(person, origin="provider")
    assert state_of(NEWCOMER) == "opted_out"


def test_only_stops_of_the_same_channel_are_taken_over(person: Contact) -> None:
    StopFactory(channel="SMS", occurred_at=ago(hours=1))
    attach(person, origin="provider")
    assert state_of(NEWCOMER) == "opted_in"


def test_a_contact_named_once_in_a_bulk_is_the_contact_of_all_its_rows() -> None:
    contact = ContactFactory()
    for entries in (
        [entry(contact=contact), entry()],
        [entry(identity=OTHER_NUMBER), entry(identity=OTHER_NUMBER, contact=contact)],
    ):
        assert [recorded(result).identity.contact for result in bulk(*entries)] == [contact] * 2


TWO_SPELLINGS = ("5215512345678", "525512345678")


def claims(*contacts: Contact) -> list[str]:
    """What comes of opt-ins of one person in two spellings, each said to be another contact."""
    said = [
        entry(identity=spelling, contact=contact)
        for spelling, contact in zip(TWO_SPELLINGS, contacts, strict=True)
    ]
    return [one.code if isinstance(one, ConsentError) else one.event.outcome for one in bulk(*said)]


@pytest.mark.parametrize("is_known", [True, False], ids=["a stranger", "somebody new"])
def test_of_two_contacts_named_for_one_person_in_a_bulk_the_first_counts(is_known: bool) -> None:
    first, second = ContactFactory.create_batch(2)
    if is_known:
        OptInFactory(identity=TWO_SPELLINGS[1])
    assert claims(first, second)[1] == "identity_conflict"
    assert ChannelIdentity.objects.get().contact == first
    assert ConsentEvent.objects.filter(action="identity_moved").count() == is_known
    assert set(Contact.objects.all()) == {first, second}


@pytest.mark.parametrize("is_known", [True, False], ids=["a stranger", "somebody new"])
def test_the_first_contact_named_counts_also_where_another_spelling_came_before(
    is_known: bool,
) -> None:
    first, second = ContactFactory.create_batch(2)
    if is_known:
        OptInFactory(identity=TWO_SPELLINGS[1])
    here, there = TWO_SPELLINGS
    said = [(here, None), (there, first), (here, second)]
    results = bulk(*(entry(identity=spelling, contact=contact) for spelling, contact in said))
    assert [isinstance(one, ConsentError) for one in results] == [False, False, True]
    assert ChannelIdentity.objects.get().contact == first


def test_a_stranger_named_in_two_spellings_of_one_bulk_moves_once() -> None:
    OptInFactory(identity=TWO_SPELLINGS[1])
    claims(*[ContactFactory()] * 2)
    assert ConsentEvent.objects.filter(action="identity_moved").count() == 1


def test_of_two_spellings_in_one_bulk_the_first_is_kept() -> None:
    claims(*[ContactFactory()] * 2)
    assert ChannelIdentity.objects.get().address == TWO_SPELLINGS[0]

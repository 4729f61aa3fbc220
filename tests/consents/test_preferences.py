"""What a person may be written about, as they see it themselves."""

from __future__ import annotations

import pytest

from consents import preferences
from consents.models import Contact, Purpose
from consents.vocabulary import Channel
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    StopFactory,
)

pytestmark = pytest.mark.usefixtures("sender")


def on(contact: Contact) -> set[str]:
    """The keys of what is switched on."""
    return {key for key, control in preferences.of(contact).controls.items() if control.is_on}


def test_each_channel_has_one_line_for_each_purpose_however_many_addresses(person: Contact) -> None:
    seen = preferences.of(person)
    assert [one.channel for one in seen.channels] == [Channel.WHATSAPP, Channel.SMS]
    assert [len(one.identities) for one in seen.channels] == [2, 1]
    purposes = ["service", "utility", "authentication", "marketing"]
    assert [one.purpose.key for one in seen.channels[0].controls] == purposes


def test_what_staff_added_stands_below_its_category(person: Contact) -> None:
    PurposeFactory(key="b-letter", name="B")
    PurposeFactory(key="a-letter", name="A")
    PurposeFactory(key="parcels", name="Parcels", parent=Purpose.objects.get(key="utility"))
    keys = [one.purpose.key for one in preferences.of(person).channels[0].controls]
    assert keys == [
        *("service", "utility", "parcels", "authentication"),
        *("marketing", "a-letter", "b-letter"),
    ]


def test_an_opt_in_to_everything_switches_every_purpose_on(person: Contact) -> None:
    assert on(person) == set(preferences.of(person).controls)


def test_a_purpose_that_wants_its_own_consent_is_off_without_it(person: Contact) -> None:
    PurposeFactory(key="profiling", requires_own_consent=True)
    assert "WHATSAPP.profiling" not in on(person)
    OptInFactory(purpose="profiling")
    assert "WHATSAPP.profiling" in on(person)


def test_a_purpose_is_on_where_any_address_may_be_written_to(person: Contact) -> None:
    OptOutFactory(purpose="marketing")
    assert "WHATSAPP.marketing" in on(person)
    OptOutFactory(purpose="marketing", identity=OTHER_NUMBER)
    assert "WHATSAPP.marketing" not in on(person)
    assert "SMS.marketing" in on(person)


def test_what_waits_for_a_decision_is_paused_and_not_switched_off() -> None:
    contact = OptInFactory().identity.contact
    MessageFactory(text="I wish you would stop writing to me all day")
    controls = preferences.of(contact).controls
    assert controls["WHATSAPP.marketing"].is_on
    assert controls["WHATSAPP.marketing"].is_paused
    assert not controls["WHATSAPP.service"].is_paused


def test_the_version_changes_with_everything_that_is_seen(person: Contact) -> None:
    versions = [preferences.of(person).version]

    def look() -> None:
        versions.append(preferences.of(person).version)

    StopFactory()
    look()
    OptInFactory(purpose="marketing")
    look()
    OptOutFactory(purpose="marketing")
    look()
    OptInFactory(purpose="marketing")
    look()
    PurposeFactory()
    look()
    OptInFactory(contact=person, channel="VIBER")
    look()
    assert len(set(versions)) == len(versions)


def test_the_version_stays_while_nothing_changes(person: Contact) -> None:
    before = preferences.of(person).version
    OptInFactory()
    MessageFactory(text="Hello")
    assert preferences.of(person).version == before


def test_looking_takes_as_many_questions_for_many_addresses_as_for_one(
    person: Contact, django_assert_num_queries
) -> None:
    preferences.of(person)
    with django_assert_num_queries(3):
        preferences.of(person)


def test_somebody_has_left_when_nothing_is_on_and_nothing_is_unsaid(person: Contact) -> None:
    assert not preferences.has_left(person)
    StopFactory(contact=person, identity=NUMBER)
    assert not preferences.has_left(person)
    StopFactory(contact=person, channel="SMS")
    assert preferences.has_left(person)
    assert preferences.has_left(person, purpose="marketing")
    OptInFactory(purpose="marketing")
    assert not preferences.has_left(person)
    assert not preferences.has_left(person, channel=Channel.WHATSAPP, purpose="marketing")
    assert preferences.has_left(person, channel=Channel.WHATSAPP, purpose="utility")
    assert preferences.has_left(person, channel=Channel.SMS)


def test_somebody_who_never_said_anything_has_not_left() -> None:
    contact = MessageFactory(text="Hello").identity.contact
    assert on(contact) == set()
    assert not preferences.has_left(contact)


def test_nobody_without_an_address_has_preferences() -> None:
    contact = ContactFactory()
    assert preferences.of(contact).channels == []
    assert not preferences.has_left(contact)

"""The form by which staff record what somebody said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse

from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    Contact,
    Purpose,
    Sender,
    StaffAction,
)
from tests.consents.admin.conftest import RECORD
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    StopFactory,
)

pytestmark = pytest.mark.django_db


def errors(answer):
    return answer.context["form"].errors


def test_an_opt_in_of_somebody_new_makes_a_contact(desk, officer, submit):
    answer = submit(
        desk,
        address="+46 73-200 11 22",
        note="Called our shop",
        wording_shown="I agree to offers",
        policy_version="2026-01",
        evidence_url="https://example.com/recording/7",
    )
    event = ConsentEvent.objects.get()
    assert answer["Location"] == reverse(
        "admin:consents_contact_change", args=[Contact.objects.get().pk]
    )
    assert (event.action, event.source, event.origin) == ("opt_in", "PHONE CALL", "admin")
    assert event.actor == f"staff:{officer.pk}"
    assert event.identity.address == NUMBER
    assert event.detail.note == "Called our shop"
    assert event.detail.evidence == {
        "wording": "I agree to offers",
        "policy_version": "2026-01",
        "url": "https://example.com/recording/7",
    }


def test_what_they_said_earlier_keeps_its_time_in_utc(desk, submit):
    submit(desk, occurred_at="2026-03-03T10:15")
    assert ConsentEvent.objects.get().occurred_at == datetime(2026, 3, 3, 10, 15, tzinfo=UTC)


def test_all_addresses_of_a_contact_are_recorded_at_once(desk, submit):
    contact = ContactFactory()
    OptInFactory(contact=contact)
    OptInFactory(contact=contact, channel="SMS")
    submit(desk, contact, action="opt_out")
    assert set(Consent.objects.values_list("state", flat=True)) == {"opted_out"}


def test_one_address_of_a_contact_leaves_the_others_as_they_were(desk, submit):
    contact = ContactFactory()
    chosen = OptInFactory(contact=contact).identity
    other = OptInFactory(contact=contact, channel="SMS").identity
    submit(desk, contact, who=str(chosen.pk), action="opt_out")
    assert Consent.objects.get(identity=chosen).state == "opted_out"
    assert Consent.objects.get(identity=other).state == "opted_in"


def test_staff_are_told_for_how_many_addresses_it_took_effect(desk, submit):
    contact = ContactFactory()
    OptInFactory(contact=contact)
    OptOutFactory(contact=contact, channel="SMS")
    answer = submit(desk, contact, note="Asked for it on the phone")
    page = desk.get(answer["Location"]).content.decode()
    assert "Recorded, and in effect for 1 address." in page
    assert "Recorded for 1 address. No change: it was so already." in page


def test_another_address_joins_the_contact(desk, submit):
    contact = ContactFactory()
    submit(desk, contact, who="new", channel="SMS", address=OTHER_NUMBER)
    assert ChannelIdentity.objects.get().contact == contact


def test_an_address_of_somebody_else_is_refused_at_its_field(desk, submit, counts):
    contact = ContactFactory()
    OptInFactory(contact=ContactFactory(external_id="crm-1"))
    before = counts()
    answer = submit(desk, contact, who="new", channel="WHATSAPP", address=NUMBER)
    assert errors(answer) == {"address": ["This identity belongs to another contact."]}
    assert counts() == before


def test_an_identity_of_another_contact_cannot_be_slipped_in(desk, submit, counts):
    stranger = OptInFactory().identity
    before = counts()
    answer = submit(desk, ContactFactory(external_id="other"), who=str(stranger.pk))
    assert "who" in errors(answer)
    assert counts()["ConsentEvent"] == before["ConsentEvent"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", ""),
        ("source", "x" * 26),
        ("address", ""),
        ("address", "123456"),
        ("address", "1234567890123456"),
        ("address", "no number"),
        ("address", "4673\x0012345"),
        ("channel", "PIGEON"),
        ("purpose", "nonsense"),
        ("action", "window_opened"),
        ("occurred_at", "2999-01-01T00:00"),
        ("occurred_at", "yesterday"),
        ("note", "x" * 2001),
        ("evidence_url", "javascript:alert(1)"),
        ("token", ""),
    ],
)
def test_what_cannot_be_recorded_is_said_at_its_field_and_changes_nothing(
    desk, submit, counts, field, value
):
    before = counts()
    answer = submit(desk, **{field: value})
    assert answer.status_code == 200
    assert field in errors(answer)
    assert counts() == before


def test_an_opt_in_over_an_opt_out_needs_an_evidence_note(desk, submit, counts):
    StopFactory()
    before = counts()
    answer = submit(desk)
    assert list(errors(answer)) == ["note"]
    assert counts() == before
    submit(desk, note="She wrote to us: I want your offers again")
    assert Consent.objects.get().state == "opted_in"


def test_an_opt_in_to_one_purpose_over_a_general_opt_out_needs_the_note_too(desk, submit):
    StopFactory()
    assert list(errors(submit(desk, purpose="marketing"))) == ["note"]


def test_an_opt_in_older_than_the_opt_out_is_written_down_without_a_note(desk, submit):
    StopFactory()
    answer = submit(desk, occurred_at="2020-01-01T00:00")
    assert answer.status_code == 302
    assert ConsentEvent.objects.first().outcome == "out_of_order"


def test_an_opt_out_never_waits_for_a_note(desk, submit):
    OptInFactory()
    submit(desk, action="opt_out")
    assert Consent.objects.get().state == "opted_out"


def test_a_form_sent_twice_is_recorded_once(desk, submit):
    first = submit(desk)
    second = submit(desk)
    assert ConsentEvent.objects.count() == 1
    assert second["Location"] == first["Location"]


def test_the_same_form_filled_in_otherwise_is_another_statement(desk, submit):
    submit(desk)
    submit(desk, action="opt_out")
    assert ConsentEvent.objects.count() == 2


def test_an_opt_out_needs_nothing_but_the_person(desk, submit):
    submit(desk, action="opt_out", source="")
    event = ConsentEvent.objects.get()
    assert (event.action, event.source) == ("opt_out", "STAFF")


def test_an_opt_in_says_where_it_was_given(desk, submit):
    assert errors(submit(desk, source=""))["source"] == ["Say where they opted in."]
    assert not ConsentEvent.objects.exists()


def test_the_form_asks_for_the_evidence_that_the_purpose_requires(desk, submit):
    marketing = Purpose.objects.get(key="marketing")
    marketing.required_evidence = ["medium", "business_name"]
    marketing.save()
    refused = submit(desk, purpose="marketing", medium="paper")
    assert "evidence of business_name" in refused.content.decode()
    submit(desk, purpose="marketing", medium="paper", business_name="Shop Inc.")
    assert ConsentEvent.objects.get().detail.evidence == {
        "medium": "paper",
        "business_name": "Shop Inc.",
    }


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_at_once_is_recorded_once(desk, submit):
    def send(_):
        try:
            return submit(desk).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(send, range(4))) == [302] * 4
    assert ConsentEvent.objects.count() == 1


def test_the_staff_log_says_who_recorded_it_and_names_nobody(desk, officer, submit):
    submit(desk)
    entry = StaffAction.objects.get(deed="added")
    assert entry.actor == f"staff:{officer.pk}"
    assert NUMBER not in str(entry.__dict__)


def test_whoever_may_only_look_cannot_record(desk_with, submit, counts):
    onlooker = desk_with("view_consentevent", "view_contact")
    before = counts()
    assert onlooker.get(reverse(RECORD)).status_code == 403
    assert submit(onlooker).status_code == 403
    assert counts() == before


def test_whoever_may_not_see_contacts_cannot_open_the_form_for_one(desk_with, submit):
    clerk = desk_with("add_consentevent")
    assert submit(clerk, ContactFactory()).status_code == 403
    assert submit(clerk)["Location"] == reverse(RECORD)


def test_a_form_for_nobody_known_is_not_found(desk):
    for nonsense in ("7", "00000000-0000-4000-8000-000000000000", "' OR 1=1"):
        assert desk.get(reverse(RECORD), {"contact": nonsense}).status_code == 404


def test_a_form_from_another_site_is_refused(officer, submit, counts):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(officer)
    before = counts()
    assert submit(browser).status_code == 403
    assert counts() == before


def test_the_sender_is_chosen_where_there_are_several(desk, submit):
    other = Sender.objects.create(key="other", name="Other")
    submit(desk, sender=str(other.pk))
    assert ConsentEvent.objects.get().sender == other


def test_a_recorded_opt_out_of_the_drop_in_kind_is_lifted_only_with_a_note(desk, submit):
    OptOutFactory(origin="dropin")
    assert list(errors(submit(desk))) == ["note"]

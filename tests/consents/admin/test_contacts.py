"""The contacts: found by any spelling of an address, shown with all that is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.urls import reverse
from django.utils import timezone

from consents.admin import timeline
from consents.holders import Moment
from consents.models import Contact, Disclosure, StaffAction
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    StopFactory,
    ago,
    swedish_number,
)

pytestmark = pytest.mark.django_db
LIST = "admin:consents_contact_changelist"
NOBODY = UUID(int=0)


def found(desk, **query):
    return set(desk.get(reverse(LIST), query).context["cl"].result_list)


def page(desk, contact):
    return desk.get(reverse("admin:consents_contact_change", args=[contact.pk])).content.decode()


@pytest.mark.parametrize(
    "typed",
    ["+46 73-200 11 22", "46732001122", "0046732001122", "(+46) 732 00 11 22", " 46 732 001122 "],
)
def test_a_number_is_found_however_it_is_typed(desk, typed):
    contact = OptInFactory().identity.contact
    OptInFactory(identity=OTHER_NUMBER)
    assert found(desk, q=typed) == {contact}


def test_an_e_mail_address_is_found_whatever_its_case(desk):
    contact = OptInFactory(channel="EMAIL", identity="anna@example.com").identity.contact
    assert found(desk, q="Anna@Example.com") == {contact}


def test_a_part_of_a_name_or_of_the_crms_id_finds_the_contact(desk):
    anna = ContactFactory(display_name="Anna Karlsson", external_id="crm-4711")
    ContactFactory(display_name="Berit", external_id="crm-1")
    assert found(desk, q="karls") == {anna}
    assert found(desk, q="4711") == {anna}


def test_contacts_are_filtered_by_channel_and_state_together(desk):
    contact = ContactFactory()
    OptInFactory(contact=contact, channel="SMS")
    OptOutFactory(contact=contact, channel="WHATSAPP")
    silent = MessageFactory(identity=OTHER_NUMBER).identity.contact
    assert found(desk, channel="SMS") == {contact}
    assert found(desk, channel="SMS", state="opted_in") == {contact}
    assert found(desk, channel="SMS", state="opted_out") == set()
    assert found(desk, state="none") == {silent}


def test_the_list_shows_each_address_with_its_state(desk):
    OptInFactory()
    StopFactory(identity=OTHER_NUMBER)
    text = desk.get(reverse(LIST)).content.decode()
    assert f"WhatsApp +{NUMBER}" in text
    assert "Opted in" in text
    assert "Opted out" in text


def test_the_page_says_what_may_be_sent_and_why(desk):
    contact = StopFactory().identity.contact
    text = page(desk, contact)
    assert "Opted out of all messages since" in text
    assert "by keyword (KEYWORD)" in text
    assert "No: they opted out" in text


def test_the_page_says_when_the_customer_window_ends(desk):
    written_at = timezone.now() - timedelta(hours=1)
    contact = MessageFactory(received_at=written_at).identity.contact
    end = written_at + timedelta(hours=24)
    assert f"Open until {end.day} {end:%B %Y, %H:%M} UTC" in page(desk, contact)


def test_a_window_stays_open_for_somebody_who_opted_out(desk):
    written_at = timezone.now() - timedelta(hours=1)
    contact = MessageFactory(received_at=written_at).identity.contact
    StopFactory()
    text = page(desk, contact)
    assert "Open until" in text
    assert "No: they opted out" in text


def test_a_channel_without_a_window_shows_none(desk):
    contact = OptInFactory(channel="SMS").identity.contact
    assert "Customer window" not in page(desk, contact)


def test_the_page_shows_everything_that_happened_newest_first(desk):
    contact = ContactFactory()
    OptInFactory(contact=contact)
    StopFactory()
    text = page(desk, contact)
    assert (
        0
        < text.index("Opted out of all messages: WhatsApp")
        < text.index("Opted in to all messages: ")
    )


def test_a_long_history_is_cut_and_leads_to_the_ledger(desk, monkeypatch):
    monkeypatch.setattr(timeline, "SHOWN", 2)
    contact = ContactFactory()
    for _ in range(3):
        OptInFactory(contact=contact)
    text = page(desk, contact)
    assert "The newest 2 entries are shown" in text
    link = f"{reverse('admin:consents_consentevent_changelist')}?contact={contact.pk}"
    assert link in text
    assert len(desk.get(link).context["cl"].result_list) == 3


def test_names_and_notes_cannot_bring_markup_into_the_page(desk, submit):
    contact = ContactFactory(display_name="<script>alert('name')</script>")
    OptInFactory(contact=contact, note="<script>alert('note')</script>", source="<b>WEB</b>")
    for text in (
        page(desk, contact),
        desk.get(reverse(LIST)).content.decode(),
        submit(desk, contact, source="").content.decode(),
    ):
        assert "<script>alert(" not in text
        assert "<b>WEB" not in text
        assert "&lt;script&gt;alert(" in text


def test_a_name_can_be_changed_and_stays_out_of_the_staff_log(desk):
    contact = ContactFactory(display_name="Anna")
    url = reverse("admin:consents_contact_change", args=[contact.pk])
    desk.post(url, {"display_name": "Anna Karlsson", "external_id": "", "language": "sv"})
    contact.refresh_from_db()
    assert (contact.display_name, contact.external_id) == ("Anna Karlsson", None)
    entry = StaffAction.objects.get(deed="changed")
    assert entry.text == "Changed Display name, External id and Language."


def test_a_contact_can_be_added_without_an_address(desk, sender):
    fields = {"sender": str(sender.pk), "display_name": "Anna", "external_id": "", "language": ""}
    desk.post(reverse("admin:consents_contact_add"), fields)
    assert Contact.objects.get().display_name == "Anna"


def test_a_contact_with_many_addresses_shows_some_and_says_so(desk):
    contact = ContactFactory()
    for index in range(21):
        OptInFactory(contact=contact, identity=swedish_number(index))
    assert "Only 20 of their 21 addresses are shown" in page(desk, contact)
    assert "and 16 more" in desk.get(reverse(LIST)).content.decode()


def test_only_who_may_record_is_offered_it(desk, desk_with):
    contact = ContactFactory()
    assert "Record consent" in page(desk, contact)
    assert "Record consent</" not in page(desk_with("view_contact"), contact)


def test_the_page_opens_with_the_form_for_its_contact(desk):
    contact = ContactFactory()
    url = reverse("admin:consents_contact_record_consent", args=[contact.pk])
    answer = desk.get(url, follow=True)
    assert answer.context["form"].contact == contact


# --- as of another time


def looked_at(desk, contact, at, **query):
    page = reverse("admin:consents_contact_change", args=[contact.pk])
    return desk.get(page, {"at": f"{at:%Y-%m-%dT%H:%M}", **query})


def marketing(answer):
    [standing] = answer.context["standings"]
    return next(one for one in standing.answers if one.purpose == "Marketing")


def test_a_contact_can_be_looked_at_as_of_another_time(desk):
    event = OptInFactory(occurred_at=ago(days=10))
    contact = event.identity.contact
    answer = looked_at(desk, contact, ago(days=7), hindsight="on")
    assert marketing(answer).is_allowed
    assert marketing(answer).event == event.pk
    assert "Could we write on" in answer.content.decode()
    assert "from all that is known today" in answer.content.decode()
    assert not marketing(looked_at(desk, contact, ago(days=11), hindsight="on")).is_allowed


def test_without_hindsight_it_is_what_was_known_then(desk):
    contact = OptInFactory(occurred_at=ago(days=10)).identity.contact
    answer = looked_at(desk, contact, ago(days=7))
    assert not marketing(answer).is_allowed
    assert "from what was known on" in answer.content.decode()


def happened(title, at):
    return Moment(at=at, kind="event", id=NOBODY, identity=NOBODY, title=title)


def test_each_time_at_which_something_had_happened_is_a_stop_and_the_last_is_now():
    then = datetime(2026, 3, 1, 12, 30, 20, tzinfo=UTC)
    moments = [
        happened("just now", then + timedelta(hours=1)),
        happened("third", then + timedelta(seconds=50)),
        happened("second", then + timedelta(seconds=5)),
        happened("first", then),
    ]
    assert timeline.stops(moments, then + timedelta(hours=1, seconds=5)) == [
        {"at": "2026-03-01T12:31", "words": "2026-03-01 12:31 UTC: first, second"},
        {"at": "2026-03-01T12:32", "words": "2026-03-01 12:32 UTC: third"},
        {"at": "", "words": "Now"},
    ]


def test_the_page_goes_through_what_happened(desk):
    contact = OptInFactory().identity.contact
    answer = desk.get(reverse("admin:consents_contact_change", args=[contact.pk]))
    assert answer.context["stops"][-1]["words"] == "Now"
    assert 'type="range"' in answer.content.decode()


@pytest.mark.parametrize("at", ["", "last Tuesday", "9999-99-99T00:00", "2999-01-01T00:00", "\0"])
def test_a_time_that_cannot_be_looked_at_is_said_so_and_now_is_shown(desk, at):
    contact = OptInFactory().identity.contact
    page = reverse("admin:consents_contact_change", args=[contact.pk])
    answer = desk.get(page, {"at": at})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.content.decode()
    assert marketing(answer).is_allowed


def test_the_deciding_line_is_one_click_away(desk):
    event = OptInFactory()
    answer = desk.get(reverse("admin:consents_contact_change", args=[event.identity.contact.pk]))
    assert reverse("admin:consents_consentevent_change", args=[event.pk]) in answer.content.decode()


# --- moving an address

MOVE = {"to": "crm-other", "consent": "along", "note": "She told us"}


def moving(contact):
    return reverse("admin:consents_contact_move_address", args=[contact.pk])


def test_an_address_is_moved_to_another_contact(desk):
    identity = OptInFactory(contact=ContactFactory(display_name="Anna")).identity
    other = ContactFactory(external_id="crm-other", display_name="Berit")
    answer = desk.post(
        moving(identity.contact), {**MOVE, "identity": str(identity.pk)}, follow=True
    )
    assert f"WhatsApp +{NUMBER} belongs to Berit now." in answer.content.decode()
    identity.refresh_from_db()
    assert identity.contact == other
    moved = StaffAction.objects.filter(deed="done").values_list("contact", flat=True)
    assert len(set(moved)) == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [("to", "nobody"), ("to", "crm-own"), ("note", " "), ("consent", ""), ("identity", "7")],
)
def test_an_address_is_moved_only_by_a_form_filled_in(desk, field, value):
    identity = OptInFactory(contact=ContactFactory(external_id="crm-own")).identity
    ContactFactory(external_id="crm-other")
    form = {**MOVE, "identity": str(identity.pk), field: value}
    assert field in desk.post(moving(identity.contact), form).context["form"].errors
    identity.refresh_from_db()
    assert identity.contact.external_id == "crm-own"


def test_somebody_elses_address_cannot_be_moved_from_here(desk):
    here, theirs = ContactFactory(), OptInFactory(contact=ContactFactory()).identity
    ContactFactory(external_id="crm-other")
    answer = desk.post(moving(here), {**MOVE, "identity": str(theirs.pk)})
    assert "identity" in answer.context["form"].errors


# --- forgotten


def erase_page(contact):
    return reverse("admin:consents_contact_erase", args=[contact.pk])


def test_nobody_is_erased_by_following_a_link(desk):
    contact = OptInFactory(contact=ContactFactory(display_name="Astrid")).identity.contact
    text = desk.get(erase_page(contact)).content.decode()
    assert "for good" in text
    contact.refresh_from_db()
    assert contact.display_name == "Astrid"


def test_staff_erase_somebody_and_are_told_what_is_kept(desk, officer):
    contact = OptInFactory(contact=ContactFactory(display_name="Astrid")).identity.contact
    answer = desk.post(erase_page(contact), follow=True)
    text = answer.content.decode()
    assert "Erased. Kept: ledger lines (3)" in text
    assert "WhatsApp (erased)" in text
    assert "Astrid" not in text
    assert contact.identities.get().events.latest("seq").actor == f"staff:{officer.pk}"
    assert "Erased." in StaffAction.objects.filter(contact=contact.pk).values_list(
        "text", flat=True
    )


def test_only_who_may_erase_does(desk_with):
    contact = OptInFactory().identity.contact
    rights = ["view_contact", "change_contact"]
    assert desk_with(*rights).post(erase_page(contact)).status_code == 403
    assert contact.identities.get().address == NUMBER
    desk_with(*rights, "erase_contact").post(erase_page(contact))
    assert contact.identities.get().address is None


# --- handed out


def file_page(contact):
    return reverse("admin:consents_contact_disclose", args=[contact.pk])


def test_a_persons_file_is_shown_when_somebody_asks_for_it_and_that_is_noted(desk, officer):
    contact = ContactFactory(display_name="<Astrid>")
    OptInFactory(contact=contact, note="rang us about it")
    assert "rang us about it" not in desk.get(file_page(contact)).content.decode()
    assert not Disclosure.objects.exists()
    answer = desk.post(file_page(contact))
    text = answer.content.decode()
    assert "&lt;Astrid&gt;" in text
    assert "rang us about it" in text
    assert "no-store" in answer.headers["Cache-Control"]
    assert Disclosure.objects.get(contact=contact).actor == f"staff:{officer.pk}"


def test_only_who_may_take_out_a_file_does(desk_with):
    contact = OptInFactory().identity.contact
    rights = ["view_contact", "change_contact"]
    assert desk_with(*rights).post(file_page(contact)).status_code == 403
    assert not Disclosure.objects.exists()
    assert desk_with(*rights, "disclose_contact").post(file_page(contact)).status_code == 200

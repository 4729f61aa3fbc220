"""Double opt-in at the desk: the rule, who waits, until when, and who confirmed from where."""

from __future__ import annotations

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from consents import double_opt_in
from consents.admin import wording
from consents.double_opt_in import Yes
from consents.models import ConsentEvent, Purpose
from consents.requested import deadline
from consents.vocabulary import ConfirmedBy
from tests.consents.admin.test_contacts import LIST, page
from tests.consents.factories import (
    OptInFactory,
    RequestFactory,
    StopFactory,
    ago,
    confirmed_within,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def marketing(sender):
    return confirmed_within(48)


def confirm(request):
    yes = Yes(by=ConfirmedBy.LINK, ip="192.0.2.44")
    return double_opt_in.confirm(request.id, yes).event


def line(desk, event):
    address = reverse("admin:consents_consentevent_change", args=[event.pk])
    return desk.get(address).content.decode()


def until(request):
    return wording.moment(deadline(request.detail.evidence))


@pytest.mark.parametrize(("typed", "kept"), [("24", 24), ("", None)])
def test_staff_say_within_how_many_hours_it_has_to_be_confirmed(desk, marketing, typed, kept):
    address = reverse("admin:consents_purpose_change", args=[marketing.pk])
    form = {"name": "Marketing", "allowed_in_window": "", "confirm_within_hours": typed}
    assert desk.post(address, form).status_code == 302
    assert Purpose.objects.get(key="marketing").confirm_within_hours == kept


@pytest.mark.parametrize("typed", ["0", "-1", "8761", "soon"])
def test_a_time_that_is_none_is_refused(desk, marketing, typed):
    address = reverse("admin:consents_purpose_change", args=[marketing.pk])
    answer = desk.post(address, {"name": "Marketing", "confirm_within_hours": typed})
    assert answer.context["adminform"].form.errors.keys() == {"confirm_within_hours"}
    assert Purpose.objects.get(key="marketing").confirm_within_hours == 48


def test_a_contacts_page_shows_what_waits_and_until_when(desk):
    request = RequestFactory()
    shown = page(desk, request.identity.contact)
    assert "Waiting for them to confirm" in shown
    assert f"they can confirm it until {until(request)}" in shown
    assert "Asked to confirm an opt-in to Marketing messages" in shown


def test_what_is_confirmed_waits_no_longer_and_shows_from_where(desk):
    request = RequestFactory()
    confirm(request)
    shown = page(desk, request.identity.contact)
    assert "Waiting for them to confirm" not in shown
    assert "Confirmed by them, by link from 192.0.2.44" in shown


def test_what_has_run_out_is_shown_as_not_confirmed(desk):
    request = RequestFactory(taken_at=ago(hours=49))
    shown = page(desk, request.identity.contact)
    assert "Waiting for them to confirm" not in shown
    assert f"Not confirmed: they could until {until(request)}" in shown


def test_what_a_stop_has_ended_is_shown_as_not_confirmed(desk):
    request = RequestFactory()
    StopFactory()
    assert "they opted out since, or it was voided" in page(desk, request.identity.contact)


def test_the_list_of_contacts_says_who_has_not_confirmed(desk):
    RequestFactory()
    assert "Not confirmed" in desk.get(reverse(LIST)).content.decode()
    OptInFactory(origin="keyword")
    assert "Not confirmed" not in desk.get(reverse(LIST)).content.decode()


def test_the_pages_of_both_lines_tell_of_the_confirmation(desk):
    request = RequestFactory()
    assert "Not confirmed yet" in line(desk, request)
    event = confirm(request)
    assert "Confirmed by them, by link from 192.0.2.44" in line(desk, event)
    assert "May lift an opt-out." in line(desk, request)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("Yes!", "A yes to the opt-in that waits for their confirmation"), ("yesterday", "Nothing")],
)
def test_a_message_can_be_tried(desk, text, answer):
    address = reverse("admin:consents_keyword_try_message")
    assert answer in desk.post(address, {"message": text}, follow=True).content.decode()


def test_a_form_that_has_to_be_confirmed_tells_staff_so(desk, submit):
    answer = submit(desk, purpose="marketing")
    [message] = get_messages(answer.wsgi_request)
    assert str(message) == "Recorded for 1 address. No effect before they confirm it."
    assert ConsentEvent.objects.get().action == "opt_in_requested"


def test_of_one_who_has_left_staff_are_asked_for_a_note_first(desk, submit):
    StopFactory(occurred_at=ago(days=1))
    assert submit(desk, purpose="marketing").status_code == 200
    assert submit(desk, purpose="marketing", note="they called").status_code == 302
    request = ConsentEvent.objects.get(action="opt_in_requested")
    assert confirm(request).outcome == "changed"


def test_a_request_can_be_voided(desk):
    request = RequestFactory()
    address = reverse("admin:consents_consentevent_void_entry", args=[request.pk])
    assert "It changes nothing" in desk.get(address).content.decode()
    assert desk.post(address, {"note": "wrong number"}).status_code == 302
    assert request.consequences.get().action == "voided"

"""What somebody has to decide, decided once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.urls import reverse

from consents import gate
from consents.models import ConsentEvent, ReviewItem
from tests.consents.factories import NUMBER, MessageFactory, OptInFactory, StopFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hold(sender):
    """A question about a longer message with a stop word in it, from somebody opted in."""
    OptInFactory()
    MessageFactory(text="please stop sending me so many of these")
    return ReviewItem.objects.get()


def url(item, name="change"):
    return reverse(f"admin:consents_reviewitem_{name}", args=[item.pk])


def marketing(sender):
    return gate.check(sender, "WHATSAPP", NUMBER, "marketing")


def test_a_hold_is_shown_with_the_word_and_both_answers(desk, hold):
    text = desk.get(url(hold)).content.decode()
    assert "Did they mean to opt out?" in text
    assert "stop" in text
    assert url(hold, "release") in text
    assert url(hold, "record_opt_out") in text
    assert url(hold, "leave") not in text


def test_a_released_hold_lets_marketing_go_again(desk, officer, sender, hold):
    assert marketing(sender).reason == "held_for_review"
    desk.post(url(hold, "release"), {"note": "A joke"})
    hold.refresh_from_db()
    assert (hold.decision, hold.decided_by) == ("released", f"staff:{officer.pk}")
    assert marketing(sender).allowed


def test_an_opt_out_is_recorded_for_when_they_wrote(desk, sender, hold):
    desk.post(url(hold, "record_opt_out"), {"purpose": "marketing", "note": ""})
    event = ConsentEvent.objects.get(action="opt_out")
    held = ConsentEvent.objects.get(action="held")
    assert (event.purpose.key, event.occurred_at) == ("marketing", held.occurred_at)
    assert marketing(sender).reason == "opted_out"


def test_a_question_is_decided_once(desk, hold):
    desk.post(url(hold, "release"), {"note": ""})
    answer = desk.post(url(hold, "record_opt_out"), {"purpose": "all", "note": ""})
    assert answer.context["form"].non_field_errors() == ["Somebody else has decided this already."]
    assert not ConsentEvent.objects.filter(action="opt_out").exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_decisions_at_once_one_is_taken(desk, hold):
    def decide(answer):
        name, form = answer
        try:
            return desk.post(url(hold, name), form).status_code
        finally:
            connections.close_all()

    answers = [("release", {"note": ""}), ("record_opt_out", {"purpose": "all", "note": ""})]
    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(decide, answers)) == [200, 302]
    assert ConsentEvent.objects.filter(action__in=["released", "opt_out"]).count() == 1


def test_asking_decides_nothing(desk, hold):
    assert desk.get(url(hold, "release")).status_code == 200
    hold.refresh_from_db()
    assert hold.decided_at is None


def test_an_opt_out_needs_the_right_to_record(desk_with, hold):
    clerk = desk_with("change_reviewitem")
    form = {"purpose": "all", "note": ""}
    assert clerk.post(url(hold, "record_opt_out"), form).status_code == 403
    assert clerk.post(url(hold, "release"), {"note": ""}).status_code == 302


def test_a_providers_contradiction_can_be_left_as_it_is(desk, sender):
    StopFactory()
    OptInFactory(origin="provider")
    item = ReviewItem.objects.get()
    assert "A provider says they opted in" in desk.get(url(item)).content.decode()
    desk.post(url(item, "leave"), {"note": "Stale notice"})
    item.refresh_from_db()
    assert (item.decision, item.note) == ("left", "Stale notice")
    assert marketing(sender).reason == "opted_out"


def test_an_open_question_stands_on_the_contacts_page(desk, hold):
    page = reverse("admin:consents_contact_change", args=[hold.identity.contact_id])
    assert url(hold) in desk.get(page).content.decode()


def test_questions_are_filtered_by_whether_they_wait(desk, hold):
    listed = reverse("admin:consents_reviewitem_changelist")
    assert hold in desk.get(listed, {"decided": "no"}).context["cl"].result_list
    assert hold not in desk.get(listed, {"decided": "yes"}).context["cl"].result_list

"""The queue of questions: when each is due, whose it is, and decided by one press."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from consents import reviews, revocations
from consents.models import ConsentEvent, ReviewItem
from providers import sweeps
from tests.consents.factories import (
    NUMBER,
    MessageFactory,
    OptInFactory,
    StopFactory,
    ago,
    state_of,
)

pytestmark = pytest.mark.django_db
LIST = "admin:consents_reviewitem_changelist"
ADD = "admin:consents_reviewitem_add_revocation"


@pytest.fixture
def hold(sender):
    OptInFactory()
    MessageFactory(text="please stop sending me so many of these")
    return ReviewItem.objects.get()


def url(item, name="change"):
    return reverse(f"admin:consents_reviewitem_{name}", args=[item.pk])


def found(desk, **query):
    return set(desk.get(reverse(LIST), query).context["cl"].result_list)


def let_run_out(item):
    ReviewItem.objects.filter(pk=item.pk).update(due_at=ago(days=1))


def test_every_question_has_a_day_by_which_to_decide_it(sender, hold):
    held = ConsentEvent.objects.get(action="held")
    assert hold.due_at == reviews.due(held.recorded_at)
    StopFactory()
    OptInFactory(origin="provider")
    assert not ReviewItem.objects.filter(due_at=None).exists()


def test_what_is_overdue_is_marked_found_and_counted(desk, hold):
    assert sweeps.needs().reviews_overdue == 0
    assert found(desk, overdue="yes") == set()
    let_run_out(hold)
    assert found(desk, overdue="yes") == {hold}
    assert "Overdue since" in desk.get(reverse(LIST)).content.decode()
    needs = sweeps.needs()
    assert needs
    assert "reviews_overdue=1" in str(needs)


def test_what_is_decided_is_overdue_no_longer(desk, hold):
    let_run_out(hold)
    desk.post(url(hold, "release"), {"note": ""})
    assert found(desk, overdue="yes") == set()
    assert sweeps.needs().reviews_overdue == 0


def test_a_question_is_mine_once_i_take_it(desk, officer, hold):
    assert found(desk, owner="me") == set()
    assert found(desk, owner="nobody") == {hold}
    chosen = {"action": "assign_to_me", "_selected_action": [str(hold.pk)]}
    desk.post(reverse(LIST), chosen)
    assert found(desk, owner="me") == {hold}
    assert found(desk, owner="nobody") == set()


def test_a_question_is_given_to_somebody_else_and_back_to_nobody(desk, django_user_model, hold):
    clerk = django_user_model.objects.create_user("clerk", is_staff=True)
    desk.post(url(hold, "assign"), {"owner": str(clerk.pk)})
    assert ReviewItem.objects.get().owner == clerk
    desk.post(url(hold, "assign"), {"owner": ""})
    assert ReviewItem.objects.get().owner is None


def test_only_staff_can_be_given_a_question(desk, django_user_model, hold):
    outsider = django_user_model.objects.create_user("outsider")
    answer = desk.post(url(hold, "assign"), {"owner": str(outsider.pk)})
    assert "owner" in answer.context["form"].errors


def test_questions_are_filtered_by_what_they_ask(desk, hold):
    assert found(desk, kind="held") == {hold}
    assert found(desk, kind="drift") == set()


def test_one_press_decides(desk, hold):
    text = desk.get(url(hold)).content.decode()
    forms = re.findall(r'<form method="post" action="([^"]+)"', text)
    assert set(forms) >= {url(hold, "release"), url(hold, "record_opt_out")}
    desk.post(url(hold, "record_opt_out"), {"purpose": "all", "note": ""})
    assert state_of() == "opted_out"
    again = desk.get(url(hold)).content.decode()
    assert url(hold, "record_opt_out") not in again


def test_whoever_may_only_look_is_offered_no_press(desk_with, hold):
    text = desk_with("view_reviewitem").get(url(hold)).content.decode()
    assert url(hold, "release") not in text


FORM = {"person": NUMBER, "purpose": "all", "medium": "phone", "received_at": "", "note": ""}


def test_a_call_from_somebody_known_opts_them_out(desk, sender):
    OptInFactory(occurred_at=ago(days=1))
    answer = desk.post(reverse(ADD), {**FORM, "sender": str(sender.pk)}, follow=True)
    assert "The opt-out is recorded." in answer.content.decode()
    assert state_of() == "opted_out"


def test_a_call_from_somebody_unknown_is_put_into_the_queue(desk, sender):
    form = {**FORM, "sender": str(sender.pk), "person": "Anna from Malmö", "note": "Has two phones"}
    answer = desk.post(reverse(ADD), form, follow=True)
    assert "Somebody has to find them by" in answer.content.decode()
    item = ReviewItem.objects.get()
    text = desk.get(url(item)).content.decode()
    assert "Anna from Malmö" in text
    assert "By telephone" in text
    assert "Has two phones" in text
    OptInFactory(occurred_at=ago(days=1))
    desk.post(url(item, "found"), {"person": NUMBER, "note": "Called back"})
    assert state_of() == "opted_out"
    assert "Anna from Malmö" not in desk.get(url(item)).content.decode()


@pytest.mark.parametrize("received_at", ["2999-01-01T10:00", "yesterday"])
def test_a_revocation_that_is_yet_to_come_is_refused(desk, sender, received_at):
    form = {**FORM, "sender": str(sender.pk), "received_at": received_at}
    assert "received_at" in desk.post(reverse(ADD), form).context["form"].errors
    assert not ReviewItem.objects.exists()


def test_one_who_cannot_be_found_is_left_with_a_note(desk, sender):
    form = {**FORM, "sender": str(sender.pk), "person": "Anna"}
    desk.post(reverse(ADD), form)
    item = ReviewItem.objects.get(kind=revocations.KIND)
    desk.post(url(item, "leave"), {"note": "Called three times"})
    item.refresh_from_db()
    assert (item.decision, item.note) == ("left", "Called three times")
    assert item.revocation.person == ""

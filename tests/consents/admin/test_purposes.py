"""Purposes that staff add, and those that nobody can take away."""

from __future__ import annotations

import pytest
from django.urls import reverse

from consents.models import Keyword, Purpose, Sender
from tests.consents.factories import OptInFactory, PurposeFactory

pytestmark = pytest.mark.django_db
BUILT_IN = ["all", "service", "utility", "authentication", "marketing"]


def url(row, name="change"):
    return reverse(f"admin:consents_{row._meta.model_name}_{name}", args=[row.pk])


def test_staff_add_a_purpose_under_a_category(desk, sender):
    marketing = Purpose.objects.get(key="marketing")
    form = {"name": "Newsletter", "key": "newsletter", "parent": str(marketing.pk)}
    desk.post(reverse("admin:consents_purpose_add"), form)
    assert Purpose.objects.get(key="newsletter").category == "marketing"


@pytest.mark.parametrize("parent", ["", "all", "newsletter"])
def test_a_purpose_belongs_to_a_category(desk, sender, parent):
    PurposeFactory(key="newsletter")
    above = Purpose.objects.filter(key=parent).first()
    form = {"name": "More", "key": "more", "parent": str(above.pk) if above else ""}
    answer = desk.post(reverse("admin:consents_purpose_add"), form)
    assert "parent" in answer.context["adminform"].form.errors


@pytest.mark.parametrize("key", BUILT_IN)
def test_the_root_and_the_categories_stay_what_they_are(desk, sender, key):
    purpose = Purpose.objects.get(key=key)
    parent = purpose.parent_id
    assert desk.post(url(purpose, "delete"), {"post": "yes"}).status_code == 403
    desk.post(url(purpose), {"name": "Renamed", "key": "other", "parent": str(purpose.pk)})
    purpose.refresh_from_db()
    assert (purpose.name, purpose.key, purpose.parent_id) == ("Renamed", key, parent)


def test_the_evidence_that_a_purpose_requires_is_chosen(desk, sender):
    marketing = Purpose.objects.get(key="marketing")
    form = {"name": "Marketing", "required_evidence": ["medium", "language"]}
    desk.post(url(marketing), form)
    marketing.refresh_from_db()
    assert marketing.required_evidence == ["medium", "language"]


def test_how_long_an_opt_in_is_good_is_set_and_it_says_what_that_does(desk, sender):
    marketing = Purpose.objects.get(key="marketing")
    answer = desk.post(url(marketing), {"name": "Marketing", "validity_days": "730"}, follow=True)
    marketing.refresh_from_db()
    assert (marketing.validity_days, marketing.validity_since is not None) == (730, True)
    assert "Who may be written to is being worked out again." in answer.content.decode()


@pytest.mark.parametrize("days", ["0", "-3", "36501", "a year"])
def test_a_validity_that_is_none_is_refused(desk, sender, days):
    marketing = Purpose.objects.get(key="marketing")
    answer = desk.post(url(marketing), {"name": "Marketing", "validity_days": days})
    assert "validity_days" in answer.context["adminform"].form.errors


def test_no_purpose_is_deleted_from_the_list(desk, sender):
    purpose = PurposeFactory()
    chosen = {"action": "delete_selected", "_selected_action": [str(purpose.pk)], "post": "yes"}
    desk.post(reverse("admin:consents_purpose_changelist"), chosen)
    assert Purpose.objects.filter(pk=purpose.pk).exists()


def test_a_purpose_in_use_cannot_be_deleted(desk, sender):
    purpose = OptInFactory(purpose=PurposeFactory().key).purpose
    desk.post(url(purpose, "delete"), {"post": "yes"})
    assert Purpose.objects.filter(pk=purpose.pk).exists()


def test_the_keywords_can_be_edited(desk, sender):
    word = Keyword.objects.filter(is_active=True).first()
    form = {"word": word.word, "language": word.language, "action": word.action}
    desk.post(url(word), form)
    word.refresh_from_db()
    assert not word.is_active


def test_how_far_a_stop_reaches_is_chosen_for_a_sender(desk, sender):
    desk.post(url(sender), {"name": "Shop", "stop_scope": "contact"})
    assert Sender.objects.get() == sender
    assert Sender.objects.get().stop_scope == "contact"


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("Please STOP!! 🛑", "An opt-out of all messages, by the word “stop”."),
        ("stop marketing", "An opt-out of Marketing messages, by the word “stop”."),
        ("Start", "An opt-in to all messages, by the word “start”."),
        ("so please stop calling me", "Marketing is put on hold"),
        ("When do you open?", "Nothing but the customer window"),
    ],
)
def test_a_message_is_tried_and_nothing_recorded(desk, sender, counts, message, what):
    before = counts()
    page = reverse("admin:consents_keyword_try_message")
    assert what in desk.post(page, {"message": message}, follow=True).content.decode()
    assert counts() == before


def test_a_word_that_staff_switched_off_does_nothing_in_a_trial(desk, sender):
    Keyword.objects.filter(word="stop").update(is_active=False, watch=False)
    page = reverse("admin:consents_keyword_try_message")
    text = desk.post(page, {"message": "stop"}, follow=True).content.decode()
    assert "Nothing but the customer window" in text

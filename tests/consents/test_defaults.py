"""What a fresh Optbook knows."""

from __future__ import annotations

from consents.defaults import ensure_defaults
from consents.models import Keyword, Purpose, Sender


def test_a_fresh_optbook_has_one_sender_the_root_and_whatsapps_categories(sender: Sender) -> None:
    assert [one.key for one in Sender.objects.all()] == ["default"]
    purposes = {one.key: one for one in Purpose.objects.select_related("parent")}
    categories = {"service", "utility", "authentication", "marketing"}
    assert purposes.keys() == {"all"} | categories
    assert {purposes[key].parent for key in categories} == {purposes["all"]}
    assert all(purposes[key].category == key for key in categories)
    assert sender.stop_scope == "channel"


def test_all_but_marketing_may_be_sent_on_the_window_alone(sender: Sender) -> None:
    allowed = Purpose.objects.filter(allowed_in_window=True)
    assert {one.key for one in allowed} == {"service", "utility", "authentication"}


def test_no_purpose_requires_its_own_consent_from_the_start(sender: Sender) -> None:
    assert not Purpose.objects.filter(requires_own_consent=True).exists()


def test_a_second_time_changes_nothing_and_leaves_what_staff_have_changed(sender: Sender) -> None:
    Purpose.objects.filter(key="utility").update(allowed_in_window=False, name="Orders")
    Keyword.objects.filter(word="stop").update(is_active=False)
    Sender.objects.update(name="Shop", stop_scope="contact")
    before = [list(model.objects.order_by("pk").values()) for model in (Sender, Purpose, Keyword)]
    ensure_defaults()
    after = [list(model.objects.order_by("pk").values()) for model in (Sender, Purpose, Keyword)]
    assert after == before


def test_keywords_that_staff_have_removed_do_not_come_back(sender: Sender) -> None:
    Keyword.objects.filter(word="fin").delete()
    ensure_defaults()
    assert not Keyword.objects.filter(word="fin").exists()


def test_yes_and_ok_are_never_start_words(sender: Sender) -> None:
    starts = Keyword.objects.filter(action="start")
    assert not starts.filter(word__in=["yes", "ok", "okay", "si", "sí", "oui", "ja"]).exists()


def test_an_action_that_is_new_gets_its_words_where_others_are_known(sender: Sender) -> None:
    Keyword.objects.filter(action="confirm").delete()
    Keyword.objects.filter(word="fin").delete()
    ensure_defaults()
    assert Keyword.objects.filter(action="confirm", word="yes").exists()
    assert not Keyword.objects.filter(word="fin").exists()


def test_the_words_of_the_rule_are_there(sender: Sender) -> None:
    words = set(Keyword.objects.filter(action="stop").values_list("word", flat=True))
    assert {"stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"} <= words

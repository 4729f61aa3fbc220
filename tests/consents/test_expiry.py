"""Opt-ins that run out: the gate refuses, the ledger says so once, subscribers hear before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from consents import expiry, gate, ledger, preferences, receipts
from consents.models import Consent, ConsentEvent, Purpose, Standing
from consents.signals import opt_ins_ending
from consents.vocabulary import Reason, State
from tests.consents.asking import together
from tests.consents.factories import (
    NUMBER,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    SenderFactory,
    StopFactory,
    ago,
    swedish_number,
)

pytestmark = pytest.mark.usefixtures("sender")

YEAR = timedelta(days=365)


def limit(key: str = "marketing", days: int | None = 365, since: datetime | None = None) -> Purpose:
    """Opt-ins to the purpose are good for so long; by a rule that has stood for ten years."""
    purpose = Purpose.objects.get(key=key)
    purpose.validity_days = days
    purpose.save()
    Purpose.objects.filter(id=purpose.id).update(validity_since=since or ago(days=3650))
    return purpose


def asked(sender: Any, purpose: str = "marketing", **how: Any) -> Any:
    answer = gate.check(sender, "WHATSAPP", NUMBER, purpose, **how)
    if not how:
        assert together(sender, [NUMBER], purpose)[0].reason == answer.reason
    return answer


def ends() -> list[ConsentEvent]:
    return list(ConsentEvent.objects.filter(action="expired").order_by("seq"))


# --- the gate, which needs no line


def test_an_opt_in_is_good_until_its_time_is_over(sender) -> None:
    limit()
    given = ago(days=364, hours=23)
    OptInFactory(purpose="marketing", occurred_at=given)
    answer = asked(sender)
    assert (answer.allowed, answer.expires_at) == (True, given + YEAR)


def test_after_it_the_gate_refuses_whether_or_not_anybody_has_written_that_down(sender) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=365))
    assert asked(sender).reason == Reason.EXPIRED
    expiry.write_run_out()
    assert asked(sender).reason == Reason.EXPIRED


def test_an_answer_may_be_kept_no_longer_than_the_opt_in_lasts(sender) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=364, hours=23, minutes=59, seconds=58))
    assert timedelta() < asked(sender).valid_for <= timedelta(seconds=2)


def test_the_bulk_gate_says_of_each_when_it_ends(sender) -> None:
    limit()
    times = [ago(days=days) for days in (10, 20, 400)]
    for index, given in enumerate(times):
        OptInFactory(identity=swedish_number(index), purpose="marketing", occurred_at=given)
    numbers = [swedish_number(index) for index in range(3)]
    answers = together(sender, numbers, "marketing")
    alone = [gate.check(sender, "WHATSAPP", number, "marketing") for number in numbers]
    assert [one.expires_at for one in answers] == [times[0] + YEAR, times[1] + YEAR, None]
    assert [one.reason for one in answers] == [one.reason for one in alone]
    assert [one.event for one in answers] == [one.event for one in alone]


def test_the_shortest_of_the_purpose_and_all_above_it_counts(sender) -> None:
    PurposeFactory(key="newsletter", validity_days=900)
    limit("marketing", 30)
    OptInFactory(purpose="newsletter", occurred_at=ago(days=31))
    assert asked(sender, "newsletter").reason == Reason.EXPIRED
    limit("marketing", None)
    assert asked(sender, "newsletter").allowed


def test_a_broad_opt_in_runs_out_for_a_purpose_and_stands_for_the_others(sender) -> None:
    limit()
    OptInFactory(occurred_at=ago(days=400))
    assert asked(sender, "marketing").reason == Reason.EXPIRED
    assert asked(sender, "service").allowed
    assert expiry.write_run_out() == 0


def test_a_new_opt_in_begins_the_time_anew(sender) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    renewed = OptInFactory(purpose="marketing", occurred_at=ago(days=100))
    assert asked(sender).expires_at == renewed.occurred_at + YEAR
    assert expiry.write_run_out() == 0


def test_of_two_opt_ins_that_allow_it_the_later_counts(sender) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    broad = OptInFactory(occurred_at=ago(days=10))
    answer = asked(sender)
    assert (answer.event, answer.expires_at) == (broad.id, broad.occurred_at + YEAR)


def test_the_window_allows_what_it_allows_without_an_opt_in(sender) -> None:
    limit("service")
    OptInFactory(purpose="service", occurred_at=ago(days=400))
    assert asked(sender, "service").reason == Reason.EXPIRED
    MessageFactory()
    assert asked(sender, "service").allowed


def test_an_opt_out_is_an_opt_out_whatever_has_run_out(sender) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    expiry.write_run_out()
    StopFactory()
    assert asked(sender).reason == Reason.OPTED_OUT


def test_what_ran_out_does_not_stand_in_the_way_of_what_lifted_an_opt_out(sender) -> None:
    """The opt-in that lifted has run out: nothing allows, and nothing refuses either."""
    limit()
    OptOutFactory(occurred_at=ago(days=500))
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    expiry.write_run_out()
    assert asked(sender).reason == Reason.EXPIRED


# --- as of a past time


def test_what_was_allowed_then_is_said_to_have_been(sender) -> None:
    limit()
    given = ago(days=400)
    OptInFactory(purpose="marketing", occurred_at=given)
    expiry.write_run_out()
    before, after = given + YEAR - timedelta(days=1), given + YEAR + timedelta(days=1)
    assert asked(sender, at=before, hindsight=True).allowed
    assert asked(sender, at=after, hindsight=True).reason == Reason.EXPIRED


def test_a_rule_counts_from_when_it_was_set(sender) -> None:
    given, ruled = ago(days=400), ago(minutes=1)
    OptInFactory(purpose="marketing", occurred_at=given)
    limit(since=ruled)
    assert asked(sender).reason == Reason.EXPIRED
    assert asked(sender, at=ago(days=1), hindsight=True).allowed
    expiry.write_run_out()
    [end] = ends()
    assert end.occurred_at == ruled
    assert asked(sender, at=ago(days=1), hindsight=True).allowed


def test_setting_a_validity_dates_it_and_other_changes_do_not() -> None:
    purpose = Purpose.objects.get(key="marketing")
    purpose.validity_days = 30
    purpose.save()
    since = purpose.validity_since
    assert since is not None
    purpose.description = "News"
    purpose.save()
    assert purpose.validity_since == since
    purpose.validity_days = None
    purpose.save()
    assert purpose.validity_since is None


@pytest.mark.parametrize("days", [0, 36_501])
def test_a_validity_has_bounds(days: int) -> None:
    with pytest.raises(ValidationError):
        Purpose(key="x", name="X", validity_days=days).full_clean(exclude=["parent"])


# --- the line


def test_what_has_run_out_is_written_down_once_at_its_true_end() -> None:
    limit()
    opt_in = OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    assert [expiry.write_run_out() for _ in range(3)] == [1, 0, 0]
    [end] = ends()
    assert end.occurred_at == opt_in.occurred_at + YEAR
    assert (end.cause_id, end.purpose.key, end.effective) == (opt_in.id, "marketing", True)
    assert Consent.objects.get().state == State.EXPIRED


def test_many_are_written_in_portions_and_of_all_senders() -> None:
    limit()
    for index in range(3):
        OptInFactory(
            identity=swedish_number(index), purpose="marketing", occurred_at=ago(days=400 + index)
        )
    OptInFactory(sender=SenderFactory(), purpose="marketing", occurred_at=ago(days=500))
    assert [expiry.write_run_out(limit=2) for _ in range(3)] == [2, 2, 0]


def test_from_then_on_nobody_may_be_written_to_by_it_alone() -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=364, hours=23))
    assert Standing.objects.get().may_write is True
    Purpose.objects.filter(key="marketing").update(validity_days=300)
    expiry.write_run_out()
    assert Standing.objects.get().may_write is False


def test_who_may_be_written_to_for_something_else_still_may() -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    OptInFactory(purpose="service", occurred_at=ago(days=400))
    expiry.write_run_out()
    assert Standing.objects.get().may_write is True


def test_an_opt_in_that_is_too_old_when_it_is_recorded_lets_nobody_write() -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    assert Standing.objects.get().may_write is False


def test_a_longer_validity_does_not_bring_back_what_was_written_down_as_ended(sender) -> None:
    limit(days=365)
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    expiry.write_run_out()
    limit(days=3000)
    assert asked(sender).reason == Reason.EXPIRED


def test_an_opt_in_after_the_end_takes_effect(sender) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    expiry.write_run_out()
    again = OptInFactory(purpose="marketing")
    assert (again.outcome, asked(sender).allowed) == ("changed", True)


def test_an_opt_in_from_before_the_end_that_comes_late_is_out_of_order(sender) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    expiry.write_run_out()
    late = OptInFactory(purpose="marketing", occurred_at=ago(days=390))
    assert (late.outcome, asked(sender).reason) == ("out_of_order", Reason.EXPIRED)


def test_the_state_can_be_rebuilt_from_the_ledger() -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    expiry.write_run_out()
    before = Consent.objects.values().get()
    ledger.rebuild([before["identity_id"]])
    assert {**Consent.objects.values().get(), "id": before["id"]} == before


# --- the warning


@pytest.fixture
def warnings() -> Any:
    heard: list[Consent] = []

    def hear(consents: list[Consent], **_: Any) -> None:
        heard.extend(consents)

    opt_ins_ending.connect(hear)
    yield heard
    opt_ins_ending.disconnect(hear)


def an_hour_later() -> None:
    Purpose.objects.update(warned_at=ago(hours=2))


def test_an_opt_in_that_ends_soon_is_told_of_once(warnings) -> None:
    limit()
    opt_in = OptInFactory(purpose="marketing", occurred_at=ago(days=340))
    OptInFactory(identity=swedish_number(1), purpose="marketing", occurred_at=ago(days=300))
    assert expiry.warn() == 1
    an_hour_later()
    assert expiry.warn() == 0
    [told] = warnings
    assert (told.event_id, told.warned_of) == (opt_in.id, opt_in.occurred_at + YEAR)


def test_it_is_looked_for_once_an_hour(warnings) -> None:
    limit()
    expiry.warn()
    OptInFactory(purpose="marketing", occurred_at=ago(days=340))
    assert expiry.warn() == 0
    an_hour_later()
    assert expiry.warn() == 1


def test_one_that_was_renewed_is_told_of_again_before_its_new_end(warnings) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=360))
    expiry.warn()
    OptInFactory(purpose="marketing", occurred_at=ago(days=350))
    an_hour_later()
    assert expiry.warn() == 1


def test_who_has_opted_out_is_not_told_of(warnings) -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=340))
    OptOutFactory(purpose="marketing")
    assert expiry.warn() == 0


def test_many_are_told_of_in_portions(warnings) -> None:
    limit()
    for index in range(5):
        OptInFactory(identity=swedish_number(index), purpose="marketing", occurred_at=ago(days=340))
    assert expiry.warn(limit=2) == 5
    assert len(warnings) == 5


def test_without_days_nobody_is_warned(settings, warnings) -> None:
    settings.EXPIRY_WARNING_DAYS = 0
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=364, hours=23))
    assert expiry.warn() == 0


def test_where_nothing_runs_out_nothing_ends_soon() -> None:
    OptInFactory(occurred_at=ago(days=3000))
    assert not expiry.ending_soon().exists()
    limit("all")
    assert not expiry.ending_soon().exists()
    OptInFactory(occurred_at=ago(days=340))
    assert expiry.ending_soon().exists()


# --- what people see


def test_on_the_preference_page_it_is_off_once_it_has_run_out() -> None:
    limit()
    event = OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    controls = preferences.of(event.identity.contact).controls
    assert not controls["WHATSAPP.marketing"].is_on


def test_a_receipt_says_how_long_it_is_good_and_that_it_ended() -> None:
    limit()
    event = OptInFactory(purpose="marketing", occurred_at=ago(days=400))
    expiry.write_run_out()
    found = receipts.receipt(receipts.lines().get(id=event.id))["consent_record"]["events"]
    assert [one["event_state"] for one in found] == ["given", "expired"]
    assert found[0]["validity_duration"] == "P365D"


def test_now_is_after_every_end_that_has_been_written() -> None:
    limit()
    OptInFactory(purpose="marketing", occurred_at=ago(days=365, seconds=1))
    expiry.write_run_out()
    assert ends()[0].occurred_at <= timezone.now()

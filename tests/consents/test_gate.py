"""The gate, asked of what people have said: now, at another time, in one query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consents import gate, holds, ledger, window_lines
from consents.decision import Permission
from consents.errors import ConsentError
from consents.models import Purpose, Sender, Standing
from consents.vocabulary import Action, Basis, Category, Mode, Reason
from tests.consents.factories import (
    NUMBER,
    MessageFactory,
    OptInFactory,
    PurposeFactory,
    SenderFactory,
    StopFactory,
    ago,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, INSTANT = timedelta(hours=1), timedelta(microseconds=1)
DAY = 24 * HOUR
TEMPLATE = Mode.TEMPLATE


def check(sender: Sender, purpose: str = "service", **how: Any) -> Permission:
    return gate.check(sender, "WHATSAPP", NUMBER, purpose, **how)


@pytest.mark.parametrize(
    ("age", "allowed"),
    [
        (timedelta(hours=23, minutes=59), True),
        (timedelta(hours=24, seconds=1), False),
    ],
)
@pytest.mark.parametrize("is_swept", [True, False])
def test_a_message_lets_a_service_message_go_for_24_hours_with_and_without_sweep(
    sender: Sender, age: timedelta, allowed: bool, is_swept: bool
) -> None:
    MessageFactory(received_at=timezone.now() - age, text="Where is my parcel?")
    if is_swept:
        assert window_lines.close_run_out() == (0 if allowed else 1)
    answer = check(sender)
    assert answer.allowed is allowed
    assert answer.reason == (None if allowed else Reason.WINDOW_CLOSED)


@pytest.mark.parametrize(
    ("after", "allowed"), [(DAY - INSTANT, True), (DAY, False), (DAY + INSTANT, False)]
)
def test_the_window_closes_at_24_hours_to_the_instant(
    sender: Sender, after: timedelta, allowed: bool
) -> None:
    wrote = ago(minutes=5)
    MessageFactory(received_at=wrote)
    assert check(sender, at=wrote + after).allowed is allowed


@pytest.mark.parametrize("purpose", ["service", "newsletter"])
@pytest.mark.parametrize("is_known", [True, False])
def test_an_answer_takes_exactly_one_query(sender: Sender, purpose: str, is_known: bool) -> None:
    PurposeFactory(key="newsletter")
    if is_known:
        OptInFactory()
        OptInFactory(purpose="marketing")
        MessageFactory()
    with CaptureQueriesContext(connection) as captured:
        answer = check(sender, purpose)
    assert (len(captured), answer.allowed) == (1, is_known)


def test_consent_is_read_along_the_purposes(sender: Sender) -> None:
    PurposeFactory(key="newsletter")
    OptInFactory(purpose="marketing")
    asked = ("newsletter", "marketing", "service")
    assert [check(sender, purpose).allowed for purpose in asked] == [True, True, False]
    StopFactory(purpose="newsletter")
    assert [check(sender, purpose).allowed for purpose in asked] == [False, True, False]
    stop = StopFactory()
    assert {check(sender, purpose).reason for purpose in asked} == {Reason.OPTED_OUT}
    assert check(sender, "marketing").event == stop.id


def test_opting_in_to_marketing_after_a_stop_restores_marketing_alone(sender: Sender) -> None:
    PurposeFactory(key="newsletter")
    StopFactory()
    OptInFactory(purpose="marketing")
    asked = ("marketing", "newsletter", "service", "utility")
    assert [check(sender, purpose).allowed for purpose in asked] == [True, True, False, False]


@pytest.mark.parametrize("parent", ["all", "newsletter"])
def test_there_is_no_purpose_that_the_gate_would_not_read_up_to_the_root(
    sender: Sender, parent: str
) -> None:
    PurposeFactory(key="newsletter")
    with pytest.raises(ValidationError):
        PurposeFactory(parent=Purpose.objects.get(key=parent))


def test_another_senders_consent_allows_nothing(sender: Sender) -> None:
    OptInFactory(sender=SenderFactory())
    assert check(sender).reason == Reason.UNKNOWN_IDENTITY


@pytest.mark.parametrize("identity", ["no number", "", None, 12, "1" * 16, "4673\0", [NUMBER]])
def test_an_unreadable_identity_is_an_answer(sender: Sender, identity: object) -> None:
    answer = gate.check(sender, "WHATSAPP", identity)
    assert (answer.allowed, answer.reason) == (False, Reason.INVALID_IDENTITY)


@pytest.mark.parametrize(
    ("code", "asked"),
    [
        ("unknown_channel", ("PIGEON", NUMBER, "service")),
        ("unknown_purpose", ("WHATSAPP", NUMBER, "astrology")),
        ("unknown_purpose", ("WHATSAPP", NUMBER, "a\0")),
        ("unknown_purpose", ("WHATSAPP", "no number", "astrology")),
        ("purpose_not_askable", ("WHATSAPP", NUMBER, "all")),
    ],
)
def test_an_unknown_channel_or_purpose_is_an_error(
    sender: Sender, code: str, asked: tuple[str, str, str]
) -> None:
    with pytest.raises(ConsentError) as caught:
        gate.check(sender, *asked)
    assert caught.value.code == code


def test_a_time_without_a_zone_is_an_error(sender: Sender) -> None:
    with pytest.raises(ConsentError, match="zone") as caught:
        check(sender, at=datetime(2026, 1, 1))  # noqa: DTZ001
    assert caught.value.code == "invalid_at"


# --- at another time


def test_the_past_is_answered_from_what_was_known_then(sender: Sender) -> None:
    before = timezone.now()
    OptInFactory(occurred_at=ago(days=2))
    asked = {"at": before}
    assert check(sender, "marketing", **asked).reason == Reason.NO_OPT_IN
    assert check(sender, "marketing", **asked, hindsight=True).allowed
    assert check(sender, "marketing").allowed


def test_what_happened_later_counts_in_no_answer_about_the_past(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=3))
    between = timezone.now()
    StopFactory()
    MessageFactory()
    for hindsight in (True, False):
        answer = check(sender, "marketing", at=between, hindsight=hindsight)
        assert (answer.allowed, answer.free_form_until) == (True, None)
    assert check(sender, "marketing").reason == Reason.OPTED_OUT


def test_a_late_message_opens_the_window_of_the_past_in_hindsight_only(sender: Sender) -> None:
    OptInFactory(purpose="marketing")
    between = timezone.now()
    MessageFactory(received_at=between - HOUR)
    assert not check(sender, at=between).allowed
    assert check(sender, at=between, hindsight=True).basis == Basis.CUSTOMER_WINDOW


def test_a_void_line_counts_until_it_was_voided(sender: Sender) -> None:
    mistake = OptInFactory(occurred_at=ago(days=1))
    between = timezone.now()
    ledger.void(mistake, note="wrong form", actor="staff")
    assert check(sender, "marketing", at=between).allowed
    assert not check(sender, "marketing", at=between, hindsight=True).allowed


def test_a_hold_counts_until_it_is_released(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=1))
    received = MessageFactory(text="please stop sending me these")
    [hold] = [event for event in received.events if event.action == Action.HELD]
    between = timezone.now()
    holds.release(hold, actor="staff")
    assert check(sender, "marketing", at=between).reason == Reason.HELD_FOR_REVIEW
    assert check(sender, "marketing").allowed


def test_the_future_is_answered_from_what_is_known_now(sender: Sender) -> None:
    OptInFactory(purpose="marketing")
    MessageFactory()
    assert check(sender, at=timezone.now() + DAY + HOUR).reason == Reason.WINDOW_CLOSED
    assert check(sender, "marketing", at=timezone.now() + DAY + HOUR).modes == (TEMPLATE,)


def test_an_answer_about_another_time_may_not_be_kept(sender: Sender) -> None:
    OptInFactory()
    for at in (ago(hours=1), timezone.now() + HOUR):
        assert check(sender, at=at).valid_for == timedelta()


# --- the past and the present tell the same story


def replies(sender: Sender, at: datetime | None, purposes: Iterable[str]) -> list[Permission]:
    answers = [check(sender, purpose, at=at) for purpose in purposes]
    return [replace(one, as_of=NOW, valid_for=timedelta()) for one in answers]


@pytest.mark.parametrize("text", ["STOP", "START", "STOP MARKETING", "do not stop", "hello"])
def test_asking_about_this_moment_later_gives_what_was_answered_at_it(
    sender: Sender, text: str, rolled_back: Callable[[], AbstractContextManager[None]]
) -> None:
    OptInFactory(occurred_at=ago(days=2))
    MessageFactory(text=text, received_at=ago(hours=1))
    purposes = [category.value for category in Category]
    now = replies(sender, None, purposes)
    moment = timezone.now()
    StopFactory()
    MessageFactory(received_at=ago(minutes=1))
    assert replies(sender, moment, purposes) == now


def test_the_gate_reads_times_and_not_what_somebody_noted_of_them(sender: Sender) -> None:
    MessageFactory(received_at=ago(hours=1))
    Standing.objects.update(window_noted=False)
    assert check(sender).allowed
    Purpose.objects.filter(key="service").update(allowed_in_window=False)
    assert not check(sender).allowed

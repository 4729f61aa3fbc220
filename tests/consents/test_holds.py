"""Holds: put on by a watched word, taken off by a person."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consents import gate, holds
from consents.errors import ConsentError
from consents.models import ConsentEvent, Sender, Standing
from tests.consents.conftest import Counts
from tests.consents.factories import NUMBER, MessageFactory, OptInFactory, StopFactory, ago


@pytest.fixture(autouse=True)
def _opted_in(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=9))


def hold(**fields: object) -> ConsentEvent:
    received = MessageFactory(**{"text": "I want to unsubscribe from this", **fields})
    [held] = [event for event in received.events if event.action == "held"]
    return held


def marketing() -> str:
    answer = gate.check(Sender.objects.get(), "WHATSAPP", NUMBER, "marketing")
    return answer.reason or "allowed"


def test_a_hold_lasts_until_somebody_releases_it() -> None:
    held = hold()
    assert marketing() == "held_for_review"
    released = holds.release(held, actor="staff", note="asked about a parcel")
    assert (released.cause, released.actor) == (held, "staff")
    assert released.detail.note == "asked about a parcel"
    assert marketing() == "allowed"
    assert Standing.objects.get().held_at is None


def test_every_hold_must_be_released_of_its_own() -> None:
    first, second = hold(received_at=ago(hours=2)), hold(received_at=ago(hours=1))
    holds.release(second, actor="staff")
    assert marketing() == "held_for_review"
    assert Standing.objects.get().held_by == first
    holds.release(first, actor="staff")
    assert marketing() == "allowed"


@pytest.mark.parametrize("order", [(2, 1), (1, 2)])
def test_holds_that_come_in_any_order_leave_the_newest_on(order: tuple[int, int]) -> None:
    held = [hold(received_at=ago(hours=hours)) for hours in order]
    newest = max(held, key=lambda one: one.occurred_at)
    assert Standing.objects.get().held_by == newest


def test_a_later_start_ends_a_hold_and_an_earlier_one_does_not() -> None:
    hold(received_at=ago(hours=1))
    MessageFactory(text="START", received_at=ago(hours=2))
    assert marketing() == "held_for_review"
    MessageFactory(text="START")
    assert marketing() == "allowed"


def test_an_opt_in_that_is_entitled_to_nothing_ends_no_hold() -> None:
    hold()
    for origin in ("provider", "dropin", "import"):
        OptInFactory(origin=origin)
    assert marketing() == "held_for_review"


def test_a_stop_after_a_hold_is_a_stop_and_a_start_after_it_ends_both() -> None:
    hold(received_at=ago(hours=3))
    StopFactory(occurred_at=ago(hours=2))
    assert marketing() == "opted_out"
    MessageFactory(text="START", received_at=ago(hours=1))
    assert marketing() == "allowed"


def test_a_stop_before_the_hold_that_was_lifted_leaves_the_hold_on() -> None:
    StopFactory(occurred_at=ago(hours=4))
    MessageFactory(text="START", received_at=ago(hours=3))
    hold(received_at=ago(hours=2))
    assert marketing() == "held_for_review"


@pytest.mark.parametrize("what", ["twice", "an opt-in", "a release"])
def test_what_is_no_hold_or_no_more_is_refused_and_changes_nothing(
    what: str, counts: Callable[[], Counts]
) -> None:
    held = hold()
    subjects = {
        "twice": lambda: held,
        "an opt-in": lambda: ConsentEvent.objects.get(action="opt_in"),
        "a release": lambda: ConsentEvent.objects.get(action="released"),
    }
    if what != "an opt-in":
        holds.release(held, actor="staff")
    subject = subjects[what]()
    before = counts()
    with pytest.raises(ConsentError) as caught:
        holds.release(subject, actor="staff")
    assert (caught.value.code, counts()) == ("not_held", before)

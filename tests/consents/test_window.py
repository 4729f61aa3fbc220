"""The customer window's arithmetic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consents.vocabulary import CUSTOMER_WINDOW, Channel
from consents.window import Movement, advance, closes_at, is_open, open_until

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
SECOND, INSTANT = timedelta(seconds=1), timedelta(microseconds=1)

moments = st.integers(0, 96).map(lambda hours: NOON + timedelta(hours=hours))


def test_whatsapp_messenger_and_instagram_have_a_window_of_24_hours() -> None:
    windows = {channel: channel.window for channel in Channel if channel.window}
    assert windows == dict.fromkeys([Channel.WHATSAPP, Channel.MESSENGER, Channel.INSTAGRAM], DAY)
    assert CUSTOMER_WINDOW == DAY


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (-INSTANT, False),
        (timedelta(), True),
        (timedelta(hours=23, minutes=59), True),
        (DAY - INSTANT, True),
        (DAY, False),
        (DAY + SECOND, False),
    ],
)
def test_a_window_is_open_from_the_message_until_just_before_24_hours(
    after: timedelta, expected: bool
) -> None:
    assert is_open(NOON, DAY, NOON + after) is expected
    assert open_until(NOON, DAY, NOON + after) == (NOON + DAY if expected else None)


@pytest.mark.parametrize(("last", "length"), [(None, DAY), (NOON, None), (None, None)])
def test_without_a_message_or_a_window_nothing_is_open(
    last: datetime | None, length: timedelta | None
) -> None:
    assert closes_at(last, length) is None
    assert is_open(last, length, NOON) is False
    assert open_until(last, length, NOON) is None


@pytest.mark.parametrize("is_noted", [True, False])
@pytest.mark.parametrize("earlier", [timedelta(), INSTANT, DAY, 3 * DAY])
def test_a_late_message_moves_nothing(earlier: timedelta, is_noted: bool) -> None:
    assert advance(NOON, is_noted, NOON - earlier, DAY) is None


def test_the_first_message_opens() -> None:
    assert advance(None, False, NOON, DAY) == Movement(NOON, opened_at=NOON)


def test_a_further_message_extends_without_a_line() -> None:
    later = NOON + DAY - INSTANT
    assert advance(NOON, True, later, DAY) == Movement(later)


@pytest.mark.parametrize("after", [DAY, DAY + SECOND, 9 * DAY])
def test_a_message_after_the_end_closes_at_the_true_end_and_opens(after: timedelta) -> None:
    later = NOON + after
    moved = advance(NOON, True, later, DAY)
    assert moved == Movement(later, closed_at=NOON + DAY, opened_at=later)


def test_a_window_that_is_written_down_as_closed_is_not_closed_twice() -> None:
    later = NOON + 2 * DAY
    assert advance(NOON, False, later, DAY) == Movement(later, opened_at=later)


@given(st.lists(moments, min_size=1))
def test_messages_in_any_order_end_in_the_window_of_the_newest(messages: list[datetime]) -> None:
    last: datetime | None = None
    for message in messages:
        move = advance(last, True, message, DAY)
        last = move.last_inbound if move else last
    assert last == max(messages)

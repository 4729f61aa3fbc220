"""The window's lines in the ledger, written when a window has run out."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from consents import window_lines
from consents.models import ConsentEvent, Standing
from tests.consents.factories import (
    MessageFactory,
    OptInFactory,
    SenderFactory,
    ago,
    swedish_number,
)

pytestmark = pytest.mark.usefixtures("sender")


def closings() -> list[datetime]:
    lines = ConsentEvent.objects.filter(action="window_closed").order_by("seq")
    return [line.occurred_at for line in lines]


def test_a_window_that_has_run_out_is_closed_at_its_true_end() -> None:
    last = ago(hours=30)
    MessageFactory(received_at=last)
    assert window_lines.close_run_out() == 1
    assert closings() == [last + timedelta(hours=24)]


def test_it_is_closed_once_however_often_somebody_looks() -> None:
    MessageFactory(received_at=ago(hours=30))
    assert [window_lines.close_run_out() for _ in range(3)] == [1, 0, 0]
    assert len(closings()) == 1


def test_a_window_that_is_open_stays_open() -> None:
    MessageFactory(received_at=ago(hours=23, minutes=59))
    assert window_lines.close_run_out() == 0
    assert closings() == []


def test_a_message_after_the_closing_opens_again_and_closes_nothing_twice() -> None:
    MessageFactory(received_at=ago(hours=60))
    window_lines.close_run_out()
    assert [event.action for event in MessageFactory().events] == ["window_opened"]
    assert len(closings()) == 1


def test_a_late_message_that_moves_the_end_of_a_closed_window_is_closed_at_the_new_end() -> None:
    MessageFactory(received_at=ago(hours=60))
    window_lines.close_run_out()
    late = ago(hours=50)
    MessageFactory(received_at=late)
    assert window_lines.close_run_out() == 1
    assert closings()[-1] == late + timedelta(hours=24)


def test_many_are_closed_in_portions_until_none_is_left() -> None:
    for index in range(5):
        MessageFactory(identity=swedish_number(index), received_at=ago(hours=30 + index))
    assert [window_lines.close_run_out(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_windows_of_all_senders_are_closed() -> None:
    for sender in (SenderFactory(), SenderFactory()):
        MessageFactory(sender=sender, received_at=ago(hours=30))
    assert window_lines.close_run_out() == 2


def test_closing_says_nothing_about_consent() -> None:
    OptInFactory(occurred_at=ago(days=3))
    MessageFactory(received_at=ago(hours=30))
    window_lines.close_run_out()
    standing = Standing.objects.get()
    assert (standing.may_write, standing.window_noted) == (True, False)

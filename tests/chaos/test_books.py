"""The judge of the chaos runs must itself be able to say no."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.chaos.books import (
    Call,
    Line,
    last_words,
    longest_overwritten,
    rows_out_of_order,
    sent_out_of_order,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
N = "447700900000"


def lines(*actions):
    return [Line(N, action, BEGIN + timedelta(seconds=i), "") for i, action in enumerate(actions)]


def calls(*told):
    """Pairs of action and second."""
    return [Call("p", N, action, BEGIN + timedelta(seconds=s)) for action, s in told]


@pytest.mark.parametrize(
    "told",
    [
        [("opt_in", 1), ("opt_out", 3)],
        [("opt_out", 3)],
        [("opt_in", 1), ("opt_in", 2), ("opt_out", 3), ("opt_out", 9)],
    ],
)
def test_calls_that_tell_the_lines_in_their_order_are_in_order(told):
    assert sent_out_of_order(lines("opt_in", "opt_out"), calls(*told)) == []


@pytest.mark.parametrize(
    "told",
    [
        [("opt_out", 3), ("opt_in", 4)],
        [("opt_in", 1), ("opt_out", 3), ("opt_in", 4)],
        [("opt_out", 0.5)],
    ],
)
def test_an_opt_in_after_the_newer_opt_out_or_a_call_before_its_line_is_found(told):
    assert len(sent_out_of_order(lines("opt_in", "opt_out"), calls(*told))) == 1


def test_an_opt_in_that_was_recorded_anew_may_follow():
    told = calls(("opt_in", 1), ("opt_out", 3), ("opt_in", 4))
    assert sent_out_of_order(lines("opt_in", "opt_out", "opt_in"), told) == []
    early = calls(("opt_in", 1), ("opt_out", 1.5), ("opt_in", 1.8))
    assert len(sent_out_of_order(lines("opt_in", "opt_out", "opt_in"), early)) == 1


def test_the_last_line_decides():
    assert last_words(lines("opt_in", "opt_out")) == {N: "opted_out"}


def step(call, state, second):
    at = BEGIN + timedelta(seconds=second)
    return {"call": call, "state": state, "at": at.isoformat()}


def logged(sequence, action, second):
    at = BEGIN + timedelta(seconds=second)
    return {"sequence": sequence, "action": action, "at": at.isoformat()}


def test_a_row_that_arrives_after_a_newer_one_of_its_pair_is_found():
    seq_of = {"a": 1, "b": 2, "c": 3}

    def arrive(*rows):
        log = [{"request_id": row, "action": "opt_in", "numbers": [N]} for row in rows]
        return rows_out_of_order(log, seq_of)

    assert arrive("a", "a", "b", "c") == []
    assert arrive("a", "c", "b") == ["b"]


LOG = [logged(1, "opt_in", 0), logged(2, "opt_out", 1), logged(3, "opt_out", 60)]
OUT = step(2, "opted_out", 1)


def test_what_lands_in_order_is_not_late():
    in_order = [step(1, "opted_in", 0), OUT, step(3, "opted_out", 60)]
    assert longest_overwritten(in_order, LOG) == timedelta()


def test_how_long_a_late_opt_in_stood_is_measured():
    late = [OUT, step(1, "opted_in", 5), step(3, "opted_out", 60)]
    assert longest_overwritten(late, LOG) == timedelta(seconds=55)


def test_one_that_nothing_overwrote_is_found():
    with pytest.raises(AssertionError):
        longest_overwritten([OUT, step(1, "opted_in", 5)], LOG[:2])


def test_a_newer_opt_in_makes_a_late_one_right():
    calls = [*LOG[:2], logged(3, "opt_in", 9)]
    assert longest_overwritten([OUT, step(1, "opted_in", 5)], calls) == timedelta(seconds=4)

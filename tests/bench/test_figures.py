"""What a figure says about its goals."""

from __future__ import annotations

import pytest

from bench.figures import (
    Figure,
    Verdict,
    at_least,
    at_most,
    ratio_at_least,
    ratio_at_most,
    shown,
)


def figure(value: float | None, *goals, floor: float | None = None) -> Figure:
    return Figure(name="Gate", value=value, unit="requests/s", floor=floor, goals=goals)


@pytest.mark.parametrize(
    ("goal", "met", "missed"),
    [
        (at_least(50), 50, 49.9),
        (at_most(50), 50, 50.1),
        (ratio_at_least(0.5), 50, 49.9),
        (ratio_at_most(0.5), 50, 50.1),
    ],
)
def test_a_goal_is_met_up_to_its_bound(goal, met, missed):
    assert figure(met, goal, floor=100).verdict is Verdict.MET
    assert figure(missed, goal, floor=100).verdict is Verdict.MISSED


def test_every_goal_has_to_be_met():
    assert figure(60, at_least(50), ratio_at_least(0.7), floor=100).verdict is Verdict.MISSED


def test_a_ratio_without_a_floor_is_not_reached():
    assert figure(50, ratio_at_least(0.5)).verdict is Verdict.MISSED
    assert figure(50, ratio_at_least(0.5), floor=0.0).verdict is Verdict.MISSED


def test_a_figure_without_a_goal_is_stated():
    assert figure(50, floor=100).verdict is Verdict.STATED


def test_what_is_not_there_reaches_no_goal():
    assert figure(None, at_most(50)).verdict is Verdict.ABSENT


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.8123, "0.812"),
        (12.345, "12.3"),
        (99.96, "100"),
        (1234567, "1 234 567"),
    ],
)
def test_numbers_are_shown_with_three_digits_that_count(value, text):
    assert shown(value) == text


def test_goals_read_as_people_write_them():
    assert [str(at_most(300)), str(ratio_at_least(0.8))] == ["≤ 300", "≥ 0.8 ×"]

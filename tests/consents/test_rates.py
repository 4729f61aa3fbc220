"""How often something may be done, read from a word."""

from datetime import timedelta

import pytest

from consents import rates
from consents.rates import Rate


@pytest.mark.parametrize(
    ("text", "calls", "span"),
    [
        ("5/s", 5, timedelta(seconds=1)),
        ("5/sec", 5, timedelta(seconds=1)),
        ("600/min", 600, timedelta(minutes=1)),
        ("1/m", 1, timedelta(minutes=1)),
        ("70/h", 70, timedelta(hours=1)),
        ("70/hour", 70, timedelta(hours=1)),
        ("999999999/day", 999999999, timedelta(days=1)),
        ("1/d", 1, timedelta(days=1)),
    ],
)
def test_a_rate_is_a_number_by_a_span(text, calls, span):
    assert rates.read(text) == Rate(calls, span)


@pytest.mark.parametrize(
    "text",
    [
        *("", "often", "10", "10/", "/min", "10/week", "10 / min", "1/min\n"),
        *("0/min", "-1/min", "1.5/min", "²/min", "1000000000/s"),
    ],
)
def test_anything_else_is_none(text):
    with pytest.raises(ValueError, match="600/min"):
        rates.read(text)

"""How often something may be done: so many times in a span that begins with the first of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_SPANS: Final = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_ALIASES: Final = {"sec": "s", "m": "min", "h": "hour", "d": "day"}
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([a-z]+)")

EXPLANATION: Final = "a number by s, min, hour or day, such as 600/min"


@dataclass(frozen=True, slots=True)
class Rate:
    calls: int
    span: timedelta


def read(text: str) -> Rate:
    """`600/min` as a Rate. Raises ValueError for what is none."""
    match = _RATE.fullmatch(text)
    unit = match[2] if match else ""
    span = _SPANS.get(_ALIASES.get(unit, unit))
    if match is None or span is None:
        raise ValueError(f"A rate is {EXPLANATION}.")
    return Rate(int(match[1]), span)

"""The people that are measured with: as many numbers as wanted, none of them anybody's.

The ranges reserved for fiction hold some ten thousand numbers and a million are needed. Area codes
with a 9 in the middle are set aside for the day when American numbers become longer, so no such
number is in use (North American Numbering Plan, "N9X" codes).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

PREFIX, DIGITS = "129", 8
"""A number is the prefix and the person's index, padded; `by_hand` makes the same ones in SQL."""

CHANNEL = "WHATSAPP"

_STRANGERS_FROM = 50_000_000


def number(index: int) -> str:
    """The MSISDN of a person; indices go up to a hundred million."""
    return f"{PREFIX}{index:0{DIGITS}d}"


def is_opted_in(index: int) -> bool:
    """Whether `by_hand` puts this person in as opted in: nine in ten."""
    return index % 10 != 9


def sample(known: int, count: int, *, seed: int = 7) -> list[str]:
    """`count` numbers from all over the first `known` people, the same every time.

    Nobody stands in it twice, unless there are fewer people than that.
    """
    chance = random.Random(seed)
    indices = (
        chance.sample(range(known), count)
        if count <= known
        else chance.choices(range(known), k=count)
    )
    return [number(index) for index in indices]


class Strangers:
    """Numbers that nobody has met yet; each is given out once."""

    def __init__(self) -> None:
        self._next = _STRANGERS_FROM

    def reserve(self, count: int) -> range:
        """The indices of so many."""
        first, self._next = self._next, self._next + count
        return range(first, self._next)

    def take(self, count: int) -> Sequence[str]:
        return [number(index) for index in self.reserve(count)]

    def endless(self) -> Iterator[str]:
        while True:
            yield from self.take(1)

"""Floor and product in turns, and what is read off several rounds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Result = TypeVar("Result")

ROUNDS = 3


def in_turns(*sides: Callable[[], Result], rounds: int = ROUNDS) -> list[list[Result]]:
    """Each side's results, taken A B A B A B: whatever slows the machine down meets both."""
    taken: list[list[Result]] = [[] for _ in sides]
    for _ in range(rounds):
        for side, results in zip(sides, taken, strict=True):
            results.append(side())
    return taken


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that `share` (0 to 1) of all are at or below: the nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

"""What is measured: figures, the floors beside them, and the goals they have to reach."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    MET = "met"
    MISSED = "MISSED"
    STATED = "stated"  # nothing is asked of it
    ABSENT = "not there"  # what would be measured does not exist


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound. `of_ratio`: on the ratio to the floor; else on the figure itself."""

    bound: float
    is_least: bool
    of_ratio: bool = False

    def is_met_by(self, figure: Figure) -> bool:
        value = figure.ratio if self.of_ratio else figure.value
        if value is None:
            return False
        return value >= self.bound if self.is_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.is_least else '≤'} {shown(self.bound)}{' ×' if self.of_ratio else ''}"


def at_least(bound: float) -> Goal:
    return Goal(bound, is_least=True)


def at_most(bound: float) -> Goal:
    return Goal(bound, is_least=False)


def ratio_at_least(bound: float) -> Goal:
    return Goal(bound, is_least=True, of_ratio=True)


def ratio_at_most(bound: float) -> Goal:
    return Goal(bound, is_least=False, of_ratio=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table. `value` None: what it would measure is not there.

    `floor`: the same unit, measured in the same run. `note`: what a reader should know of it.
    """

    name: str
    value: float | None
    unit: str
    floor: float | None = None
    goals: tuple[Goal, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times its floor it is."""
        return self.value / self.floor if self.value is not None and self.floor else None

    @property
    def verdict(self) -> Verdict:
        if self.value is None:
            return Verdict.ABSENT
        if not self.goals:
            return Verdict.STATED
        met = all(goal.is_met_by(self) for goal in self.goals)
        return Verdict.MET if met else Verdict.MISSED


def shown(value: float | None) -> str:
    """A number for people: three digits that count, thousands with a space."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"

"""The tiles of the home page: whoever has something to say there registers it here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

BOUND: Final = 1000
"""Counts shown to people stop here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One tile. `figure` is short; `url` leads to the list behind it.

    `tone`: success, warning, danger, or nothing.
    """

    title: str
    figure: str
    note: str = ""
    url: str = ""
    tone: str = ""


Source = Callable[[datetime], Sequence[Card]]

_sources: list[Source] = []


def register(source: Source) -> None:
    if source not in _sources:
        _sources.append(source)


def cards(now: datetime) -> list[Card]:
    """All tiles, in the order in which their sources registered."""
    return [card for source in _sources for card in source(now)]


def bounded(rows: QuerySet[Any]) -> int:
    """How many rows there are, counted no further than one beyond the bound."""
    return rows.order_by()[: BOUND + 1].count()


def in_words(count: int) -> str:
    """1 234 as `1 000+`, since no more was counted."""
    return f"{BOUND:,}+".replace(",", "\N{NARROW NO-BREAK SPACE}") if count > BOUND else str(count)

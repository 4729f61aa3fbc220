"""What a hundred times as many people in the book cost those who ask and those who look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from bench.compared import Side, loads
from bench.figures import Figure, at_most, ratio_at_most
from bench.measures.gate import asking
from bench.measures.recording import changing_minds
from bench.pages import Pages
from bench.site import ONE_ACCOUNT, Site

SIZES = (10_000, 1_000_000, 10_000_000)
SLOWER = ratio_at_most(1.3)
PAGE_MAX = at_most(300)


@dataclass(frozen=True, slots=True)
class _Grown:
    """Milliseconds that half of the answers kept to, one request at a time."""

    gate: float
    record: float


def measure(site: Site) -> Iterator[Figure]:
    first: _Grown | None = None
    for size in sizes(site.options.rows):
        site.fill(size)
        site.configure(ONE_ACCOUNT)
        with site.web():
            grown = _medians(site)
            yield from _figures(size, grown, first)
            yield from _pages(site, size)
        first = first or grown


def sizes(rows: int) -> list[int]:
    """How full the book is each time; a small one begins with a tenth of what it ends with."""
    first = min(SIZES[0], max(1, rows // 10))
    return [first, *(size for size in SIZES if first < size < rows), rows]


def _medians(site: Site) -> _Grown:
    minds = Side(partial(iter, changing_minds(site)), 201)
    taken = loads(site, asking(site), minds, connections=1, rounds=1)
    return _Grown(*(one.milliseconds(0.5) for [one] in taken))


def _figures(size: int, grown: _Grown, first: _Grown | None) -> Iterator[Figure]:
    """The floor is the same figure while the book was small."""
    goals = (SLOWER,) if first else ()
    for name, which in (("Gate", "gate"), ("Record one", "record")):
        yield Figure(
            name=f"{name} at {size:,} consents: p50".replace(",", " "),
            value=getattr(grown, which),
            floor=getattr(first, which, None),
            unit="ms",
            goals=goals,
            note="" if first else "the floor of those that follow",
        )


def _pages(site: Site, size: int) -> Iterator[Figure]:
    pages = Pages(site)
    slowest, milliseconds = pages.slowest()
    counting = pages.counting_the_ledger()
    at = f"at {size:,} consents".replace(",", " ")
    yield Figure(
        name=f"First page of a list in the admin {at}",
        value=milliseconds,
        unit="ms",
        goals=(PAGE_MAX,),
        note=f"{slowest}, the slowest of {len(pages.paths)}",
    )
    yield Figure(
        name=f"Pages that count the whole ledger {at}",
        value=float(len(counting)),
        unit="pages",
        goals=(at_most(0),),
        note=" ".join(counting),
    )

"""What a hundred times as many people in the book cost those who ask and those who look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from bench.compared import Side, loads
from bench.figures import Figure, at_most, ratio_at_most
from bench.measures.gate import asking
from bench.measures.recording import changing_minds
from bench.pages import Pages
from bench.rounds import median
from bench.site import ONE_ACCOUNT, Site

SIZES = (10_000, 1_000_000, 10_000_000)
SLOWER = ratio_at_most(1.3)
PAGE_MAX = at_most(300)

_NAMES = ("Gate", "Record one")


def measure(site: Site) -> Iterator[Figure]:
    first, *more = sizes(site.options.rows)
    site.fill(first)
    site.configure(ONE_ACCOUNT)
    small = _sides(site)
    with site.web():
        for name, value in zip(_NAMES, _medians(site, small), strict=True):
            yield _figure(name, first, value)
        yield from _pages(site, first)
    with site.installation.copy() as port:
        beside = [replace(side, port=port) for side in small]
        for size in more:
            site.fill(size)
            site.configure(ONE_ACCOUNT)
            with site.web():
                *floors, gate, record = _medians(site, [*beside, *_sides(site)])
                for name, floor, value in zip(_NAMES, floors, (gate, record), strict=True):
                    yield _figure(name, size, value, floor)
                yield from _pages(site, size)


def sizes(rows: int) -> list[int]:
    """How full the book is each time; a small one begins with a tenth of what it ends with."""
    first = min(SIZES[0], max(1, rows // 10))
    return [first, *(size for size in SIZES if first < size < rows), rows]


def _sides(site: Site) -> list[Side]:
    """Of the book as it is now, in the order of the names."""
    return [asking(site), Side(partial(iter, changing_minds(site)), 201)]


def _medians(site: Site, sides: Sequence[Side]) -> list[float]:
    """Milliseconds that half of the answers kept to, one request at a time."""
    taken = loads(site, *sides, connections=1)
    return [median(one.milliseconds(0.5) for one in rounds) for rounds in taken]


def _figure(name: str, size: int, value: float, floor: float | None = None) -> Figure:
    """The floor is the same in the small book, asked in turns with the one that has grown."""
    return Figure(
        name=f"{name} at {size:,} consents: p50".replace(",", " "),
        value=value,
        floor=floor,
        unit="ms",
        goals=(SLOWER,) if floor else (),
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

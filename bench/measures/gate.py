"""The gate, asked about one person at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from bench.compared import Side, figures, loads
from bench.figures import Figure, ratio_at_least, ratio_at_most
from bench.load import get
from bench.people import CHANNEL, sample
from bench.site import Site

CONNECTIONS = 16
PEOPLE = 20_000

_PERMISSION = f"/api/v1/permission/?channel={CHANNEL}&purpose=service&identity="
_FLOOR = "/api/floor/permission/?identity="


def asking(site: Site, path: str = _PERMISSION) -> Side:
    """Asks about people from all over the book."""
    people = sample(site.filled, min(PEOPLE, site.filled))
    requests = [get(path + person, site.key) for person in people]
    return Side(lambda: cycle(requests))


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    with site.web():
        taken = loads(site, asking(site, _FLOOR), asking(site), connections=CONNECTIONS)
    yield from figures(
        "Gate, one identity", *taken, rate=ratio_at_least(0.8), p99=ratio_at_most(1.5)
    )

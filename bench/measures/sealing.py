"""Sealing the whole book, and verifying it: one process, and PostgreSQL beside it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from bench.figures import Figure, at_least
from bench.load import UnfitError
from bench.rounds import ROUNDS, median
from bench.site import Site
from consents import sealing, verification
from consents.models import ConsentEvent


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    lines, seconds = ConsentEvent.objects.count(), _seconds(lambda: list(sealing.seal()))
    yield Figure(name="Seal the ledger", value=lines / seconds, unit="lines/s")
    yield Figure(
        name="Verify the ledger",
        value=lines / median(_seconds(_verify) for _ in range(ROUNDS)),
        unit="lines/s",
        goals=(at_least(100_000),),
        note=f"{lines} lines",
    )


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _verify() -> None:
    """Raises UnfitError: what is quick may have looked at nothing."""
    tally = verification.tally()
    found = list(verification.verify(tally.upto))
    if found or tally.lines != ConsentEvent.objects.count():
        raise UnfitError(f"{tally.lines} lines are sealed, {len(found)} findings")

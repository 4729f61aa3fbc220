"""Two addresses under the same load, in turns: of one web server, or of two."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bench import load
from bench.figures import Figure, Goal
from bench.load import Load
from bench.rounds import ROUNDS, in_turns, median
from bench.site import Site

WARM_UP_SECONDS = 1.0

Requests = Callable[[], Iterator[bytes]]
"""A new stream of requests for each round."""


@dataclass(frozen=True, slots=True)
class Side:
    """What is sent, the status that says it worked, and the port where it is not the site's."""

    requests: Requests
    status: int = 200
    port: int | None = None


def loads(site: Site, *sides: Side, connections: int, rounds: int = ROUNDS) -> list[list[Load]]:
    """Each side's loads, one a round, in turns; after a second to warm up."""

    def apply(side: Side, seconds: float) -> Load:
        return load.apply(
            side.port or site.port,
            side.requests(),
            connections=connections,
            seconds=seconds,
            status=side.status,
        )

    for side in sides:
        apply(side, min(WARM_UP_SECONDS, site.options.seconds))
    return in_turns(*(partial(apply, side, site.options.seconds) for side in sides), rounds=rounds)


def figures(
    name: str,
    floors: Sequence[Load],
    products: Sequence[Load],
    *,
    rate: Goal,
    p99: Goal | None = None,
) -> Iterator[Figure]:
    """Requests a second, and what half and 99 in a hundred of the answers took."""
    busy = 100 * median(one.busy for one in [*floors, *products])
    yield Figure(
        name=name,
        value=median(one.per_second for one in products),
        floor=median(one.per_second for one in floors),
        unit="requests/s",
        goals=(rate,),
        note=f"the generator took {busy:.0f} % of a core",
    )
    for share, goals in ((0.5, ()), (0.99, (p99,) if p99 else ())):
        yield Figure(
            name=f"{name}: p{share * 100:.0f}",
            value=median(one.milliseconds(share) for one in products),
            floor=median(one.milliseconds(share) for one in floors),
            unit="ms",
            goals=goals,
        )

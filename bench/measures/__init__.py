"""Each measure by its name, in the order of a whole run; imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from bench.figures import Figure
    from bench.site import Site

    Measure = Callable[[Site], Iterator[Figure]]

# Growth first: it measures while the book is small. Imports last: they make it larger than asked.
MODULES = {
    "growth": "bench.measures.growth",
    "space": "bench.measures.space",
    "seal": "bench.measures.sealing",
    "gate": "bench.measures.gate",
    "bulk": "bench.measures.bulk",
    "audience": "bench.measures.audience",
    "record": "bench.measures.recording",
    "tell": "bench.measures.telling",
    "drain": "bench.measures.draining",
    "import": "bench.measures.importing",
}


def named(name: str) -> Measure:
    """The measure of this name; it yields each figure as soon as it has it."""
    return cast("Measure", import_module(MODULES[name]).measure)

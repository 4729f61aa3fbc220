"""The gate, asked about everybody in the book in one streamed call."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from bench import look_up
from bench.figures import Figure, at_most, ratio_at_least
from bench.load import UnfitError
from bench.measures.bulk import BATCH, question
from bench.memory import watched
from bench.people import CHANNEL, sample
from bench.rounds import in_turns, median
from bench.site import Site
from bench.streaming import upload

_PATH = f"/api/v1/audiences/check/?channel={CHANNEL}&purpose=marketing&column=identity"
_NAME, _MEMORY = "Audience, streamed over HTTP", "Audience: peak memory of a web process"
_HEADING = b"identity\n"
_LINES_A_PART = 10_000


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    people = sample(site.filled, site.filled)
    batches = [people[at : at + BATCH] for at in range(0, len(people), BATCH)]
    floor = partial(look_up.once, question(site, batches))
    with site.web() as web, watched(web.pid or 0) as peaks:
        if not _is_there(site):
            yield Figure(name=_NAME, value=None, unit="identities/s")
            yield Figure(name=_MEMORY, value=None, unit="MB")
            return
        floors, rates = in_turns(floor, partial(_stream, site, people))
    yield Figure(
        name=_NAME,
        value=median(rates),
        floor=median(floors),
        unit="identities/s",
        goals=(ratio_at_least(0.5),),
        note=f"{len(people)} identities",
    )
    yield Figure(name=_MEMORY, value=peaks.largest, unit="MB", goals=(at_most(200),))


def _is_there(site: Site) -> bool:
    return _upload(site, [])[0] != 404


def _stream(site: Site, people: Sequence[str]) -> float:
    """People a second."""
    begun = time.perf_counter()
    status, lines = _upload(site, people)
    seconds = time.perf_counter() - begun
    if status != 200 or lines <= len(people):
        raise UnfitError(f"the audience was answered {status} with {lines} lines")
    return len(people) / seconds


def _upload(site: Site, people: Sequence[str]) -> tuple[int, int]:
    length = len(_HEADING) + sum(len(person) + 1 for person in people)
    headers = {
        "Authorization": f"Bearer {site.key}",
        "Content-Type": "text/csv",
        "Content-Length": str(length),
    }
    answer = upload(site.port, _PATH, headers, _parts(people))
    return answer.status, answer.lines


def _parts(people: Sequence[str]) -> Iterator[bytes]:
    yield _HEADING
    for at in range(0, len(people), _LINES_A_PART):
        yield "".join(f"{person}\n" for person in people[at : at + _LINES_A_PART]).encode()

"""The gate, asked about ten thousand people in one call."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import cycle, repeat

from bench import load, look_up
from bench.compared import WARM_UP_SECONDS
from bench.figures import Figure, at_least, ratio_at_least
from bench.load import post
from bench.look_up import Question
from bench.people import CHANNEL, sample
from bench.rounds import in_turns, median
from bench.site import Site
from consents.models import Purpose

BATCH = 10_000
CLIENTS = (1, 4)
BATCHES = 8
GOALS = (ratio_at_least(0.5), at_least(35_000))
"""The second is for the most clients."""


def question(site: Site, batches: list[list[str]]) -> Question:
    purposes = Purpose.objects.filter(key__in=["all", "service"]).values_list("id", flat=True)
    return Question(site.installation.cluster.url(), site.sender, list(purposes), batches)


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    batches = [sample(site.filled, min(BATCH, site.filled), seed=at) for at in range(BATCHES)]
    apart = multiprocessing.get_context("spawn")
    with site.web(), ProcessPoolExecutor(max(CLIENTS), mp_context=apart) as pool:
        for clients in CLIENTS:
            floor = partial(_floor, pool, question(site, batches), clients)
            product = partial(_product, site, batches, clients)
            for side in (floor, product):
                side(min(WARM_UP_SECONDS, site.options.seconds))
            seconds = site.options.seconds
            floors, rates = in_turns(partial(floor, seconds), partial(product, seconds))
            yield Figure(
                name=f"Gate, {len(batches[0])} identities a call, clients: {clients}",
                value=median(rates),
                floor=median(floors),
                unit="identities/s",
                goals=GOALS if clients == max(CLIENTS) else GOALS[:1],
            )


def _floor(pool: ProcessPoolExecutor, question: Question, clients: int, seconds: float) -> float:
    return sum(pool.map(look_up.for_a_while, repeat(question, clients), repeat(seconds)))


def _product(site: Site, batches: list[list[str]], clients: int, seconds: float) -> float:
    bodies = [{"channel": CHANNEL, "purpose": "service", "identities": one} for one in batches]
    requests = [post("/api/v1/permissions/", site.key, json.dumps(one).encode()) for one in bodies]
    answered = load.apply(site.port, cycle(requests), connections=clients, seconds=seconds)
    return answered.per_second * len(batches[0])

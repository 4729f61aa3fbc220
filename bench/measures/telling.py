"""How long after an opt-out was recorded its providers have been told.

From the line's `recorded_at` until the call arrived, by the sandbox's own log: the same machine's
clock both times. Web server and worker run as they do in an installation.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from math import ceil

import requests

from bench import load
from bench.compared import WARM_UP_SECONDS
from bench.figures import Figure, at_least, at_most
from bench.load import Load, UnfitError
from bench.measures.recording import recording
from bench.people import is_opted_in, number
from bench.rounds import quantile
from bench.site import ONE_ACCOUNT, Site
from consents.writing import database_clock
from providers import registry

CONNECTIONS = 32
ROUNDS_LONG = 2
"""The load lasts as long as so many rounds of the other measures."""

PATIENCE = 60.0
WITHIN_SECONDS = 2.0
REACHED = 0.95
"""The share of the pace that has to be kept, or what was told soon enough proves nothing."""

_RECORDED = """
SELECT identity.address, event.recorded_at
FROM consents_consentevent AS event
JOIN consents_channelidentity AS identity ON identity.id = event.identity_id
WHERE event.action = 'opt_out' AND event.recorded_at >= %s
"""


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    scenes = {"Sinch WhatsApp": (200, (ONE_ACCOUNT,)), "all three": (60, tuple(registry.kinds()))}
    seconds = ROUNDS_LONG * site.options.seconds
    with site.web(), site.installation.run("worker"), site.installation.run("sandbox"):
        for name, (per_second, kinds) in scenes.items():
            site.configure(*kinds)
            opt_outs = _opt_outs(site, per_second * (WARM_UP_SECONDS + seconds))
            _apply(site, opt_outs, per_second, WARM_UP_SECONDS)
            begun = database_clock()
            loaded = _apply(site, opt_outs, per_second, seconds)
            recorded = _recorded_since(site, begun)
            yield Figure(
                name=f"Opt-outs recorded, {per_second}/s asked",
                value=loaded.per_second,
                unit="requests/s",
                goals=(at_least(REACHED * per_second),),
            )
            yield from _figures(f"Opt-out told to {name}", _waits(site, recorded, kinds))


def _opt_outs(site: Site, count: float) -> Iterator[bytes]:
    """At least so many, each of somebody whom the providers hold as opted in."""
    people = site.strangers.reserve(ceil(count * 10 / 9) + 10)
    with site.by_hand() as book:
        book.populate(people)
    site.settle_down()
    return (recording(site, "opt_out", number(index)) for index in people if is_opted_in(index))


def _apply(site: Site, opt_outs: Iterator[bytes], per_second: int, seconds: float) -> Load:
    return load.apply(
        site.port,
        opt_outs,
        connections=CONNECTIONS,
        seconds=seconds,
        per_second=per_second,
        status=201,
    )


def _recorded_since(site: Site, begun: datetime) -> dict[str, datetime]:
    """When each number's opt-out was recorded."""
    with site.installation.connect() as connection:
        return dict(connection.execute(_RECORDED, [begun]).fetchall())


def _waits(
    site: Site, recorded: Mapping[str, datetime], kinds: Collection[str]
) -> dict[str, list[float]]:
    """Seconds from each recording until each provider was told of it."""
    give_up_at = time.monotonic() + PATIENCE
    while True:
        arrived = {kind: _arrivals(site, kind) for kind in kinds}
        if all(recorded.keys() <= heard.keys() for heard in arrived.values()):
            break
        if time.monotonic() > give_up_at:
            missing = {kind: len(recorded.keys() - heard) for kind, heard in arrived.items()}
            raise UnfitError(f"opt-outs not told after {PATIENCE:.0f} s: {missing}")
        time.sleep(0.5)
    return {
        kind: [(heard[number] - at).total_seconds() for number, at in recorded.items()]
        for kind, heard in arrived.items()
    }


def _arrivals(site: Site, kind: str) -> dict[str, datetime]:
    """When this provider first heard of each number's opt-out."""
    url = f"http://127.0.0.1:{site.installation.sandbox_port}/sandbox/calls"
    log = requests.get(url, params={"provider": kind}, timeout=30).json()["calls"]
    heard: dict[str, datetime] = {}
    for call in log:
        if call["action"] == "opt_out":
            for number in call["numbers"]:
                heard.setdefault(number, datetime.fromisoformat(call["at"]))
    return heard


def _figures(name: str, waits: Mapping[str, list[float]]) -> Iterator[Figure]:
    """Of the account that was told last."""
    for share, goals in ((0.5, ()), (0.95, (at_most(WITHIN_SECONDS),))):
        slowest = max(quantile(one, share) for one in waits.values())
        yield Figure(name=f"{name}: p{share * 100:.0f}", value=slowest, unit="s", goals=goals)

"""Recording one opt-in or opt-out over HTTP, with one account that is owed each change.

No worker runs meanwhile: it would take its share of the processors, which the floor does not pay.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, cycle, repeat

from bench.compared import Side, figures, loads
from bench.figures import Figure, ratio_at_least
from bench.load import post
from bench.people import CHANNEL, sample
from bench.site import ONE_ACCOUNT, Site
from consents.models import ChannelIdentity, Purpose
from consents.vocabulary import ROOT_PURPOSE

CONNECTIONS = 16
PEOPLE = 20_000

_EVENTS, _LINES = "/api/v1/consent-events/", "/api/floor/lines/"


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    site.configure(ONE_ACCOUNT)
    lines = _bare_lines(site)
    kinds = {
        "Record one, somebody known": changing_minds(site),
        "Record one, somebody new": _newcomers(site),
    }
    with site.web():
        for name, requests in kinds.items():
            sides = Side(lambda: cycle(lines), 201), Side(partial(iter, requests), 201)
            taken = loads(site, *sides, connections=CONNECTIONS)
            yield from figures(name, *taken, rate=ratio_at_least(0.5))


def recording(site: Site, action: str, person: str) -> bytes:
    body = {"action": action, "channel": CHANNEL, "identity": person, "source": "WEB"}
    return post(_EVENTS, site.key, json.dumps(body).encode())


def changing_minds(site: Site) -> Iterator[bytes]:
    """Everybody opts out, then everybody in again, and so on: nearly all change a state."""
    people = sample(site.filled, min(PEOPLE, site.filled))
    turns: Iterable[str] = cycle(("opt_out", "opt_in"))
    said = chain.from_iterable(zip(repeat(action), people, strict=False) for action in turns)
    return (recording(site, action, person) for action, person in said)


def _newcomers(site: Site) -> Iterator[bytes]:
    return (recording(site, "opt_in", person) for person in site.strangers.endless())


def _bare_lines(site: Site) -> list[bytes]:
    people = sample(site.filled, min(PEOPLE, site.filled))
    identities = ChannelIdentity.objects.filter(lookup_key__in=people)
    line = {
        "sender_id": str(site.sender),
        "purpose_id": str(Purpose.objects.get(key=ROOT_PURPOSE).id),
        "action": "opt_in",
        "source": "WEB",
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    return [
        post(_LINES, site.key, json.dumps({**line, "identity_id": str(id)}).encode())
        for id in identities.values_list("id", flat=True)
    ]

"""A backlog carried to one Sinch WhatsApp account at the sandbox, twenty numbers a call."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import requests

from bench.figures import Figure, ratio_at_least
from bench.load import UnfitError
from bench.rounds import in_turns, median
from bench.site import ONE_ACCOUNT, Site
from consents.writing import database_clock
from providers.lanes import CALLS_AT_ONCE
from providers.models import ProviderAccount

NUMBERS_A_CALL = 20
BACKLOG_MAX = 20_000
PATIENCE = 300.0

# Asked five times a second: each half looks into an index of its own.
_STILL_OWED = """
SELECT EXISTS (SELECT FROM providers_providersync WHERE status = 'pending')
    OR EXISTS (SELECT FROM providers_providersync WHERE status = 'sending')
"""
_TOLD = """
SELECT count(*) / extract(epoch FROM max(ended_at) - min(sent_at))
FROM providers_providersync WHERE status = 'succeeded' AND sent_at > %s
"""
_BYTES = """
SELECT pg_total_relation_size('providers_syncattempt')::float / count(*)
FROM providers_syncattempt
"""


def measure(site: Site) -> Iterator[Figure]:
    site.fill()
    site.configure(ONE_ACCOUNT)
    size = min(site.options.rows, BACKLOG_MAX)
    with site.installation.run("sandbox"):
        floors, rates = in_turns(partial(_bare_calls, site, size), partial(_drain, site, size))
    yield Figure(
        name="Drain a backlog to Sinch WhatsApp",
        value=median(rates),
        floor=median(floors),
        unit="numbers/s",
        goals=(ratio_at_least(0.8),),
        note=f"{CALLS_AT_ONCE} calls at once, a backlog of {size}",
    )
    yield Figure(
        name="Trace of a number told, on disk", value=site.installation.value(_BYTES), unit="bytes"
    )


def _drain(site: Site, size: int) -> float:
    """Numbers a second, from the first call to the last one settled, by the database's clock."""
    begun = database_clock()
    with site.by_hand() as book:
        book.opt_in(site.strangers.take(size))
    site.settle_down()
    with site.installation.run("worker"):
        give_up_at = time.monotonic() + PATIENCE
        while site.installation.value(_STILL_OWED):
            if time.monotonic() > give_up_at:
                raise UnfitError(f"the backlog was not told within {PATIENCE:.0f} s")
            time.sleep(0.2)
    return float(site.installation.value(_TOLD, begun))


def _bare_calls(site: Site, size: int) -> float:
    """The same calls by sessions of `requests`, one a thread, with nothing written down."""
    account = ProviderAccount.objects.get(kind=ONE_ACCOUNT)
    url = f"{account.base_url}/whatsapp/v1/{account.external_id}/provision/optin"
    headers = {"Authorization": f"Bearer {account.credentials['token']}"}
    own = threading.local()

    def call(numbers: Sequence[str]) -> None:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.headers.update(headers)
        own.session.post(url, json={"numbers": list(numbers)}, timeout=15).raise_for_status()

    people = site.strangers.take(size)
    calls = [people[at : at + NUMBERS_A_CALL] for at in range(0, size, NUMBERS_A_CALL)]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        begun = time.perf_counter()
        list(pool.map(call, calls))
        return size / (time.perf_counter() - begun)

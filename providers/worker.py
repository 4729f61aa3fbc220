"""The loop that drains the outbox: small steps, each of which says whether it found work.

This thread talks to the database: it claims, and settles what came back. The threads of `lanes`
talk to the providers meanwhile. Any number of workers share the rows by their locks.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from uuid import UUID

from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
)

from consents.importing import background
from providers import claims, hearing, settlement, sweeps
from providers.arrivals import Returned
from providers.claims import CALL_SECONDS, Call
from providers.courier import Courier
from providers.errors import UnknownKindError
from providers.lanes import Lanes
from providers.models import ProviderAccount

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
PACE_SECONDS = 0.05
"""How long a step takes at least: what comes back meanwhile is settled together."""

SWEEP_EVERY_SECONDS = 30.0
PURGE_EVERY_SECONDS = 3600.0
FIRST_PURGE_AFTER_SECONDS = 60.0
"""It reads whole tables; a worker that has just started has people to tell first."""

REAP_EVERY_SECONDS = 5.0
"""More often than the sweep, and beside it, since a sweep may take long: an opt-out may wait behind
a row that a killed worker held."""

SETTLE_MAX = 100
"""Calls settled in one transaction."""

DATABASE_AWAY = (OperationalError, InterfaceError)


class Worker:
    """`step` does what is to be done now; `run` steps until told to stop; `drain` until idle."""

    def __init__(self, accounts: set[UUID] | None = None) -> None:
        self._accounts = accounts
        self._lanes = Lanes()
        self._unsettled: list[Returned] = []

    def run(self, stop: Event) -> None:
        """Step until told to stop, then finish what is under way.

        Survives the database's absence. Five threads beside it: one frees what killed workers
        held, one sweeps, one tells subscribers, one applies callbacks, one looks at files and
        records them.
        """
        reaping = (stop, settlement.reap, REAP_EVERY_SECONDS, "Freeing rows")
        Thread(target=_now_and_then, args=reaping, daemon=True).start()
        sweeping = (stop, _Sweeper().sweep, SWEEP_EVERY_SECONDS, "The sweep")
        Thread(target=_now_and_then, args=sweeping, daemon=True).start()
        courier = Thread(target=Courier().run, args=(stop,), daemon=True)
        courier.start()
        hearer = Thread(target=hearing.run, args=(stop,), daemon=True)
        hearer.start()
        importer = Thread(target=background.run, args=(stop,), daemon=True)
        importer.start()
        while not stop.is_set():
            begun = time.monotonic()
            try:
                self.step()
                stop.wait(max(begun + PACE_SECONDS - time.monotonic(), 0))
            except DATABASE_AWAY as error:
                log.warning(
                    "The database does not answer (%s); trying again.", type(error).__name__
                )
                close_old_connections()
                stop.wait(1.0)
        self.finish()
        courier.join(CALL_SECONDS)
        hearer.join(CALL_SECONDS)
        # What it has in hand is taken back with its connection, and done again.
        importer.join(CALL_SECONDS)

    def drain(self, *, probe: bool = False) -> int:
        """Step until nothing is due and nothing is under way; how many calls were made.

        `probe`: try each paused account once, as if its pause were over.
        """
        made = 0
        probed: set[UUID] = set()
        while True:
            found = self._claim(probe_besides=probed if probe else None)
            made += found
            if not found and not self._is_busy:
                return made
            self._settle(wait=POLL_SECONDS)

    def step(self) -> bool:
        """Claim what is due, settle what came back; whether there was anything."""
        found = self._claim()
        settled = self._settle(wait=POLL_SECONDS)
        return bool(found or settled)

    def finish(self) -> None:
        """Give back what was not begun, and wait for what was."""
        try:
            settlement.release(self._lanes.empty())
            while self._is_busy:
                self._settle(wait=POLL_SECONDS)
        finally:
            self._lanes.close()

    @property
    def _is_busy(self) -> bool:
        return bool(self._unsettled) or self._lanes.is_busy

    def _claim(self, probe_besides: set[UUID] | None = None) -> int:
        claimed = 0
        for account in claims.accounts_with_due_rows(self._accounts):
            probe = probe_besides is not None and account.id not in probe_besides
            room = self._lanes.room(account.id)
            if not room:
                continue
            begun = time.monotonic()
            calls = self._claim_of(account, room, probe=probe)
            if probe and probe_besides is not None:
                probe_besides.add(account.id)
            self._lanes.put(account.id, calls, claimed_at=begun)
            claimed += len(calls)
        return claimed

    def _claim_of(self, account: ProviderAccount, room: int, *, probe: bool) -> list[Call]:
        try:
            return claims.claim(account, room, probe=probe)
        except UnknownKindError:
            log.error("Account %s is of a kind that no provider has.", account.id)
            return []

    def _settle(self, wait: float) -> int:
        """Settle what has come back by now, waiting a while for the first."""
        returned, late = self._lanes.take(0.0 if self._unsettled else wait)
        self._unsettled += returned
        settlement.release(late)
        settling = self._unsettled[:SETTLE_MAX]
        if not settling:
            return 0
        _settle_what_can_be(settling)
        del self._unsettled[:SETTLE_MAX]
        faulty = {UUID(one.call.account.id) for one in settling if one.delivery.account_fault}
        # Out of the lanes first: where it is not known whether the release was written, they must
        # not begin.
        settlement.release([call for account in faulty for call in self._lanes.reopen(account)])
        return len(settling)


class _Sweeper:
    """Sweeps, and now and then looks for what is old enough to forget, too."""

    def __init__(self) -> None:
        self._purge_at = time.monotonic() + FIRST_PURGE_AFTER_SECONDS

    def sweep(self) -> None:
        now = time.monotonic()
        purges = now >= self._purge_at
        sweeps.sweep_alone(purges=purges)
        if purges:
            self._purge_at = now + PURGE_EVERY_SECONDS


def _now_and_then(stop: Event, work: Callable[[], object], every: float, name: str) -> None:
    """Do it, and again that many seconds after it was done, whatever becomes of it."""
    while not stop.is_set():
        try:
            work()
        except DATABASE_AWAY as error:
            log.warning("%s was cut short (%s).", name, type(error).__name__)
        except Exception as error:
            log.error("%s failed with %s.", name, type(error).__name__)
        finally:
            connection.close()
        stop.wait(every)


def _settle_what_can_be(settling: Sequence[Returned]) -> None:
    """Settle together; where the database refuses something of it, one by one.

    What it refuses alone is left to its lease, which runs out.
    """
    try:
        settlement.settle(settling)
    except (DataError, IntegrityError) as error:
        log.error("Settling %d calls was refused (%s).", len(settling), type(error).__name__)
        if len(settling) > 1:
            for one in settling:
                _settle_what_can_be([one])

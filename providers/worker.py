"""The loop that drains the outbox: small steps, each of which says whether it found work.

The main thread talks to the database: it claims, and settles what came back. A pool of threads
talks to the providers and holds no connection to the database meanwhile. Any number of workers
share the rows by their locks.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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

from providers import claims, hearing, registry, settlement, sweeps
from providers.arrivals import Returned
from providers.claims import CALL_SECONDS, LEASE, LEASE_LEFT, Call
from providers.contract import Delivery, Outcome, Result
from providers.courier import Courier
from providers.errors import UnknownKindError
from providers.models import ProviderAccount

log = logging.getLogger(__name__)

POLL_SECONDS = 0.2
SWEEP_EVERY_SECONDS = 30.0
PURGE_EVERY_SECONDS = 3600.0
REAP_EVERY_SECONDS = 5.0
"""More often than the sweep: an opt-out may wait behind a row that a killed worker held."""

CALLS_AT_ONCE = 8
"""How many calls to one account are under way together."""

AHEAD = 4
"""How many calls are claimed for each of them: fewer costs speed, more outlives the lease."""

THREADS_MAX = 64
SETTLE_MAX = 100
"""Calls settled in one transaction."""

DATABASE_AWAY = (OperationalError, InterfaceError)


@dataclass(slots=True)
class _Lane:
    """What this worker holds of one account: calls claimed and not begun, calls under way."""

    waiting: deque[tuple[Call, float]] = field(default_factory=deque)
    flying: int = 0

    @property
    def room(self) -> int:
        return CALLS_AT_ONCE * AHEAD - len(self.waiting) - self.flying


class Worker:
    """`step` does what is to be done now; `run` steps until told to stop; `drain` until idle."""

    def __init__(self, accounts: set[UUID] | None = None) -> None:
        self._accounts = accounts
        self._lanes: dict[UUID, _Lane] = defaultdict(_Lane)
        self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="call")
        self._back: queue.SimpleQueue[Returned] = queue.SimpleQueue()
        self._unsettled: list[Returned] = []

    def run(self, stop: Event) -> None:
        """Step until told to stop, then finish what is under way.

        Survives the database's absence. Three threads beside it: one sweeps now and then, one
        tells subscribers, one applies callbacks.
        """
        sweeper = Thread(target=_sweep_now_and_then, args=(stop,), daemon=True)
        sweeper.start()
        courier = Thread(target=Courier().run, args=(stop,), daemon=True)
        courier.start()
        hearer = Thread(target=hearing.run, args=(stop,), daemon=True)
        hearer.start()
        while not stop.is_set():
            try:
                self.step()
            except DATABASE_AWAY as error:
                log.warning(
                    "The database does not answer (%s); trying again.", type(error).__name__
                )
                close_old_connections()
                stop.wait(1.0)
        self.finish()
        courier.join(CALL_SECONDS)
        hearer.join(CALL_SECONDS)

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
            self._give_back(list(self._lanes))
            while self._is_busy:
                self._settle(wait=POLL_SECONDS)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def _flying(self) -> int:
        return sum(lane.flying for lane in self._lanes.values())

    @property
    def _is_busy(self) -> bool:
        return bool(self._unsettled) or any(
            lane.flying or lane.waiting for lane in self._lanes.values()
        )

    def _claim(self, probe_besides: set[UUID] | None = None) -> int:
        claimed = 0
        for account in self._the_accounts():
            lane = self._lanes[account.id]
            probe = probe_besides is not None and account.id not in probe_besides
            if lane.room <= 0:
                continue
            now = time.monotonic()
            calls = self._claim_of(account, lane.room, probe=probe)
            if probe and probe_besides is not None:
                probe_besides.add(account.id)
            lane.waiting.extend((call, now) for call in calls)
            claimed += len(calls)
            self._begin(account.id)
        return claimed

    def _the_accounts(self) -> list[ProviderAccount]:
        accounts = ProviderAccount.objects.filter(is_enabled=True, is_held=False)
        if self._accounts is not None:
            accounts = accounts.filter(id__in=self._accounts)
        return list(accounts)

    def _claim_of(self, account: ProviderAccount, room: int, *, probe: bool) -> list[Call]:
        try:
            return claims.claim(account, room, probe=probe)
        except UnknownKindError:
            log.error("Account %s is of a kind that no provider has.", account.id)
            return []

    def _begin(self, account: UUID) -> None:
        """Start as many calls as may be under way; what waited too long is given back."""
        lane = self._lanes[account]
        late = LEASE.total_seconds() - LEASE_LEFT.total_seconds()
        stale: list[Call] = []
        while lane.waiting and lane.flying < CALLS_AT_ONCE and self._flying < THREADS_MAX:
            call, claimed_at = lane.waiting.popleft()
            if time.monotonic() - claimed_at > late:
                stale.append(call)
                continue
            lane.flying += 1
            self._pool.submit(self._call, call)
        settlement.release(stale)

    def _call(self, call: Call) -> None:
        """In a thread of the pool: no database here."""
        started_at, begun = datetime.now(UTC), time.monotonic()
        delivery = _deliver(call)
        elapsed = timedelta(seconds=time.monotonic() - begun)
        self._back.put(Returned(call, delivery, started_at, elapsed))

    def _settle(self, wait: float) -> int:
        """Settle what has come back by now, waiting a while for the first."""
        self._unsettled += self._returned(wait)
        settling = self._unsettled[:SETTLE_MAX]
        if not settling:
            return 0
        _settle_what_can_be(settling)
        del self._unsettled[:SETTLE_MAX]
        self._give_back(
            {UUID(one.call.account.id) for one in settling if one.delivery.account_fault}
        )
        for account in self._lanes:
            self._begin(account)
        return len(settling)

    def _returned(self, wait: float) -> list[Returned]:
        """What has come back by now; waits for the first where nothing has."""
        back: list[Returned] = []
        timeout = 0.0 if self._unsettled else wait
        with suppress(queue.Empty):
            while True:
                back.append(self._back.get(timeout=timeout))
                timeout = 0.0
        for one in back:
            self._lanes[UUID(one.call.account.id)].flying -= 1
        return back

    def _give_back(self, accounts: Iterable[UUID]) -> None:
        for account in accounts:
            lane = self._lanes[account]
            calls = [call for call, _ in lane.waiting]
            # First: where it is not known whether the release was written, they must not begin.
            lane.waiting.clear()
            settlement.release(calls)


def _sweep_now_and_then(stop: Event) -> None:
    """In a thread of its own, since telling a new account all that is known takes a while."""
    sweep_at = purge_at = time.monotonic()
    while not stop.is_set():
        try:
            settlement.reap()
            now = time.monotonic()
            if now >= sweep_at:
                sweeps.sweep_alone(purges=now >= purge_at)
                sweep_at = now + SWEEP_EVERY_SECONDS
                purge_at = now + PURGE_EVERY_SECONDS if now >= purge_at else purge_at
        except DATABASE_AWAY as error:
            log.warning("The sweep was cut short (%s).", type(error).__name__)
        except Exception as error:
            log.error("The sweep failed with %s.", type(error).__name__)
        finally:
            connection.close()
        stop.wait(REAP_EVERY_SECONDS)


def _deliver(call: Call) -> Delivery:
    """What the adapter says; a mistake in it is told as every row's own failure."""
    try:
        adapter = registry.adapter(call.account.kind)
        delivery = adapter.deliver(call.account, call.changes, seconds=CALL_SECONDS)
        if missing := {change.id for change in call.changes} - delivery.outcomes.keys():
            raise LookupError(f"{len(missing)} changes without an outcome")
        return delivery
    except Exception as error:
        # Its words may quote what was sent, so only its type is told.
        log.error("The adapter %s failed with %s.", call.account.kind, type(error).__name__)
        outcome = Outcome(
            Result.RETRY, "internal_error", f"The adapter failed ({type(error).__name__})."
        )
        return Delivery({change.id: outcome for change in call.changes})


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

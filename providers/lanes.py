"""Calls claimed and not settled yet, account by account, and the threads that make them.

A thread that is done with one call begins the next by itself, so that no call waits while the
database is talked to; it holds no connection to the database.
"""

from __future__ import annotations

import logging
import queue
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock
from uuid import UUID

from providers import registry
from providers.arrivals import Returned
from providers.claims import CALL_SECONDS, LEASE, LEASE_LEFT, Call
from providers.contract import Delivery, Kind, Outcome, Result

log = logging.getLogger(__name__)

CALLS_AT_ONCE = 8
"""How many calls to one account are under way together."""

AHEAD = 4
"""How many calls are claimed for each of them: fewer costs speed, more outlives the lease."""

THREADS_MAX = 64


@dataclass(frozen=True, slots=True)
class _Waiting:
    call: Call
    claimed_at: float

    @property
    def is_opt_in(self) -> bool:
        return self.call.changes[0].kind is Kind.OPT_IN

    @property
    def is_late(self) -> bool:
        """Whether too little of its lease is left."""
        return time.monotonic() - self.claimed_at > (LEASE - LEASE_LEFT).total_seconds()


@dataclass(slots=True)
class _Lane:
    """One account's. `is_shut`: the account was found at fault, and nothing more is begun."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    flying: int = 0
    is_shut: bool = False

    @property
    def may_begin(self) -> bool:
        return bool(self.waiting) and not self.is_shut and self.flying < CALLS_AT_ONCE

    @property
    def threads(self) -> int:
        """How many threads it can do with."""
        return min(CALLS_AT_ONCE, len(self.waiting) + self.flying)


class Lanes:
    """Used by one thread, which puts calls in and takes them back when they have been made."""

    def __init__(self) -> None:
        self._lanes: dict[UUID, _Lane] = defaultdict(_Lane)
        self._lock = Lock()
        self._threads = 0
        self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="call")
        self._back: queue.SimpleQueue[Returned | Call] = queue.SimpleQueue()

    def room(self, account: UUID) -> int:
        """How many calls more may be claimed."""
        with self._lock:
            lane = self._lanes[account]
            room = CALLS_AT_ONCE * AHEAD - len(lane.waiting) - lane.flying
            return 0 if lane.is_shut else max(room, 0)

    def put(self, account: UUID, calls: Sequence[Call], *, claimed_at: float) -> None:
        """Have these calls made; opt-outs before opt-ins that wait already.

        `claimed_at`: by the monotonic clock, no later than their lease began.
        """
        with self._lock:
            lane = self._lanes[account]
            waiting = [*lane.waiting, *(_Waiting(call, claimed_at) for call in calls)]
            lane.waiting = deque(sorted(waiting, key=lambda one: one.is_opt_in))
            wanted = min(THREADS_MAX, sum(lane.threads for lane in self._lanes.values()))
            for _ in range(wanted - self._threads):
                self._threads += 1
                self._pool.submit(self._work)

    def take(self, wait: float) -> tuple[list[Returned], list[Call]]:
        """What has come back by now, waiting a while for the first; and what came too late.

        The latter was not begun, since too little was left of its lease.
        """
        back: list[Returned | Call] = []
        with suppress(queue.Empty):
            while True:
                back.append(self._back.get(timeout=wait))
                wait = 0.0
        returned = [one for one in back if isinstance(one, Returned)]
        return returned, [one for one in back if isinstance(one, Call)]

    def reopen(self, account: UUID) -> list[Call]:
        """What was not begun is taken out, and the account may be called again."""
        with self._lock:
            lane = self._lanes[account]
            calls = [one.call for one in lane.waiting]
            lane.waiting.clear()
            lane.is_shut = False
            return calls

    def empty(self) -> list[Call]:
        """All that was not begun, taken out."""
        return [call for account in list(self._lanes) for call in self.reopen(account)]

    @property
    def is_busy(self) -> bool:
        with self._lock:
            busy = any(lane.waiting or lane.flying for lane in self._lanes.values())
            return busy or not self._back.empty()

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        while begun := self._begin():
            lane, waiting = begun
            back = waiting.call if waiting.is_late else _make(waiting.call)
            with self._lock:
                # Before anybody else begins: the next would meet the same fault.
                if isinstance(back, Returned) and back.delivery.account_fault:
                    lane.is_shut = True
                self._back.put(back)
                lane.flying -= 1

    def _begin(self) -> tuple[_Lane, _Waiting] | None:
        """The next call of the account that has the fewest under way; None ends the thread."""
        with self._lock:
            ready = [lane for lane in self._lanes.values() if lane.may_begin]
            if not ready:
                self._threads -= 1
                return None
            lane = min(ready, key=lambda lane: (lane.flying, lane.waiting[0].claimed_at))
            lane.flying += 1
            return lane, lane.waiting.popleft()


def _make(call: Call) -> Returned:
    started_at, begun = datetime.now(UTC), time.monotonic()
    delivery = _deliver(call)
    return Returned(call, delivery, started_at, timedelta(seconds=time.monotonic() - begun))


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

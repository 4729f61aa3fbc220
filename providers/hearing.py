"""Applies what the providers told us, once it is stored: each callback whole, or not at all.

Several may do this at once, each taking what nobody else holds. The order in which callbacks are
applied plays no part: the ledger folds by time, the window only moves forward, and results name
their rows.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from threading import Event
from time import monotonic
from uuid import UUID

from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import F, QuerySet
from django.utils import timezone

from consents import legal_holds
from consents.ledger import once_more_on_deadlock
from consents.models.base import ClockTimestamp
from consents.models.prepared import prepared
from consents.models.rows import update_rows
from consents.writing import database_clock
from providers import erasing, registry, together
from providers.contract import Heard
from providers.errors import UnknownKindError, UnreadableError
from providers.models import ProviderCallback
from providers.outcomes import CallbackStatus
from providers.telling import NotYet, Report, tell
from providers.unhurried import commit_without_waiting

log = logging.getLogger(__name__)

CHUNK = 200
POLL_SECONDS = 0.3
NONCE_REUSED = "its nonce came before with another body: look, and apply it again if it is good"
LADDER = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600))
"""How long a callback waits after each time that applying it failed by a mistake of ours."""

NOT_YET_WAIT = timedelta(seconds=5)

STORM = 300.0
"""Callbacks that come in a second: from here on storing them goes before applying them."""

_STORED_EVER = "SELECT last_value FROM providers_providercallback_seq"


def apply_waiting(limit: int = CHUNK) -> int:
    """Apply what is due, oldest first; how many callbacks were looked at."""
    chunk, applied = _take(limit)
    for id in chunk:
        if id not in applied:
            apply_one(id)
    return len(chunk)


def run(stop: Event) -> None:
    """Apply what comes until told to stop; survives the database's absence."""
    arrivals = _Arrivals()
    while not stop.is_set():
        begun = monotonic()
        try:
            found = apply_waiting()
            rate = arrivals.a_second() if found else 0.0
        except (OperationalError, InterfaceError) as error:
            log.warning("Applying callbacks was cut short (%s).", type(error).__name__)
            close_old_connections()
            found, rate = 0, 0.0
        stop.wait(rest(found, rate, took=monotonic() - begun))
    connection.close()


def rest(found: int, rate: float, took: float) -> float:
    """Seconds until the next look, after one that found so many and took so long.

    A provider that is not answered in time sends again, and gives up one day. So in a storm (`rate`
    callbacks a second) applying leaves seven eighths of the time to the door.
    """
    if not found:
        return POLL_SECONDS
    return 7 * took if rate > STORM else 0.0


class _Arrivals:
    """How fast callbacks are being stored, since one asked last."""

    def __init__(self) -> None:
        self._seen, self._at = 0, monotonic()

    def a_second(self) -> float:
        with prepared() as cursor:
            cursor.execute(_STORED_EVER)
            [seen] = cursor.fetchone()
        before, then = self._seen, self._at
        self._seen, self._at = seen, monotonic()
        return (seen - before) / max(self._at - then, 0.001) if before else 0.0


def apply_again(callback: ProviderCallback) -> ProviderCallback:
    """Apply it as if it had just come, whatever became of it before.

    One whose body is kept no more stays as it is.
    """
    ProviderCallback.objects.filter(id=callback.id).exclude(body=b"").update(
        status=CallbackStatus.STORED.value, attempts=0, due_at=ClockTimestamp()
    )
    apply_one(callback.id, is_again=True)
    callback.refresh_from_db()
    return callback


def apply_one(id: UUID, *, is_again: bool = False) -> None:
    """Apply one callback, unless somebody else is at it. A mistake of ours only puts it off."""
    try:
        once_more_on_deadlock(lambda: _apply(id, is_again=is_again))
    except NotYet:
        _put_off(id, NOT_YET_WAIT, "its registration is not known yet")
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # Its words may quote the body.
        log.error("Applying callback %s failed with %s.", id, type(error).__name__)
        _fail_or_put_off(id, f"failed: {type(error).__name__}")


def purge(older_than: timedelta) -> int:
    """Delete what had nothing to say. The rest is evidence, and keeps repeats out."""
    old = ProviderCallback.objects.filter(
        status=CallbackStatus.IGNORED.value, received_at__lt=database_clock() - older_than
    )
    free = _unless_held(old.exclude(outcome=NONCE_REUSED))
    ids = list(free.values_list("id", flat=True)[:1000])
    return ProviderCallback.objects.filter(id__in=ids).delete()[0]


def forget_bodies(older_than: timedelta) -> int:
    """Empty what has been looked at; that it came, and what it came to, stays."""
    old = ProviderCallback.objects.filter(received_at__lt=database_clock() - older_than)
    full = old.exclude(status=CallbackStatus.STORED.value).exclude(body=b"")
    ids = list(_unless_held(full).values_list("id", flat=True)[:1000])
    return ProviderCallback.objects.filter(id__in=ids).update(body=b"", headers={})


def _unless_held(callbacks: QuerySet[ProviderCallback]) -> QuerySet[ProviderCallback]:
    free = callbacks.exclude(account__sender__in=legal_holds.held_senders())
    held = legal_holds.held_one_by_one()
    return free.exclude(identities__overlap=held) if held else free


def _take(limit: int) -> tuple[list[UUID], Collection[UUID]]:
    """The next callbacks, and which of them are applied already."""
    try:
        return once_more_on_deadlock(lambda: _apply_together(limit))
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # One of them is at fault; in its own turn it will be found.
        log.error("Applying callbacks together failed with %s.", type(error).__name__)
        with transaction.atomic():
            return [one.id for one in _due(limit)], ()


def _apply_together(limit: int) -> tuple[list[UUID], Collection[UUID]]:
    """Take the next callbacks, and apply at once those of them that are simple."""
    with transaction.atomic():
        # Taken back by a crash, it is due again; what is sent because of it waits for the disk.
        commit_without_waiting()
        waiting = _due(limit)
        reports = together.tell_many(_simple(waiting)) if len(waiting) > 1 else {}
        for callback in waiting:
            if callback.id in reports:
                _end(callback, reports[callback.id])
        _write([callback for callback in waiting if callback.id in reports])
    return [one.id for one in waiting], reports.keys()


def _due(limit: int) -> list[ProviderCallback]:
    rows = ProviderCallback.objects.filter(
        status=CallbackStatus.STORED.value, due_at__lte=ClockTimestamp()
    )
    locked = rows.select_related("account__sender").select_for_update(
        skip_locked=True, of=("self",)
    )
    return list(locked.order_by("due_at", "seq")[:limit])


def _simple(waiting: Sequence[ProviderCallback]) -> list[together.Told]:
    """Those that say one thing, each with it."""
    reused = _nonces_seen_before(waiting)
    alone = ((one, _lone(one)) for one in waiting if one.id not in reused)
    return [(one, heard) for one, heard in alone if heard is not None]


def _lone(callback: ProviderCallback) -> Heard | None:
    try:
        heard = _hear(callback)
    except Exception:
        return None  # told when its turn comes
    return heard[0] if len(heard) == 1 else None


def _apply(id: UUID, *, is_again: bool) -> None:
    commit_without_waiting()
    callback = (
        ProviderCallback.objects.filter(id=id, status=CallbackStatus.STORED.value)
        .select_related("account__sender")
        .select_for_update(skip_locked=True, of=("self",))
        .first()
    )
    if callback is None:
        return
    if not is_again and _nonces_seen_before([callback]):
        _end(callback, Report([NONCE_REUSED], is_ignored=True))
    else:
        _end(callback, _report(callback))
    _write([callback])


def _report(callback: ProviderCallback) -> Report:
    try:
        heard = _hear(callback)
    except (UnreadableError, UnknownKindError) as error:
        return Report([error.code], is_unreadable=True)
    return tell(callback, heard)


def _hear(callback: ProviderCallback) -> list[Heard]:
    account = callback.account
    return registry.listener(account.kind).hear(account.plain, bytes(callback.body))


def _nonces_seen_before(waiting: Sequence[ProviderCallback]) -> set[UUID]:
    """Those whose nonce an earlier callback had: a repeat would have been the same row."""
    nonces = [one.nonce for one in waiting if one.nonce]
    if not nonces:
        return set()
    accounts = {one.account_id for one in waiting}
    found = ProviderCallback.objects.filter(account__in=accounts, nonce__in=nonces)
    first: dict[tuple[UUID, str], int] = {}
    for account, nonce, seq in found.values_list("account_id", "nonce", "seq"):
        first[account, nonce] = min(seq, first.get((account, nonce), seq))
    return {one.id for one in waiting if one.seq > first.get((one.account_id, one.nonce), one.seq)}


def _end(callback: ProviderCallback, report: Report) -> None:
    callback.status = report.status.value
    callback.outcome = report.words
    callback.applied_at = timezone.now()
    callback.identities = sorted({*callback.identities, *report.identities})


def _write(callbacks: Sequence[ProviderCallback]) -> None:
    update_rows(callbacks, ["status", "outcome", "applied_at", "identities"])
    erasing.forget_callbacks_of_erased(callbacks)


def _put_off(id: UUID, wait: timedelta, outcome: str) -> None:
    ProviderCallback.objects.filter(id=id, status=CallbackStatus.STORED.value).update(
        due_at=database_clock() + wait, outcome=outcome
    )


def _fail_or_put_off(id: UUID, outcome: str) -> None:
    stored = ProviderCallback.objects.filter(id=id, status=CallbackStatus.STORED.value)
    stored.update(attempts=F("attempts") + 1)
    attempts = stored.values_list("attempts", flat=True).first()
    if attempts is not None and attempts > len(LADDER):
        stored.update(status=CallbackStatus.FAILED.value, outcome=outcome)
    elif attempts is not None:
        _put_off(id, LADDER[attempts - 1], outcome)

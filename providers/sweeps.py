"""What has to be looked at now and then, whatever was forgotten or killed in between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from consents import (
    erasure,
    expiry,
    legal_holds,
    retention,
    reviews,
    sealing,
    settling,
    tallies,
    window_lines,
)
from consents.anchors import AnchorError
from consents.retention import Kind as Kept
from consents.writing import database_clock
from providers import accounts, attempts, deliveries, hearing, outbox, settlement, verdicts
from providers.contract import Fault, Kind
from providers.decisions import DAILY, LADDER
from providers.models import ProviderAccount, ProviderSync, WebhookEndpoint
from providers.outcomes import FailedReason, Status

log = logging.getLogger(__name__)

RETRIED = frozenset({FailedReason.GAVE_UP, FailedReason.NO_RESULT})
"""Failures that time may mend: a sweep by hand tries them again."""

NEEDS_SOMEBODY = frozenset({Fault.CREDENTIALS, Fault.REFUSING})
KEPT_FOR = timedelta(days=30)
CHUNK = 1000
SWEEP_LOCK = 0x0B7B00C


@dataclass(slots=True)
class Counts:
    """What one sweep did, and what is left for people."""

    freed: int = 0
    no_result: int = 0
    windows_closed: int = 0
    expired: int = 0
    warned: int = 0
    restated: int = 0
    caught_up: int = 0
    retried: int = 0
    mended: int = 0
    tallied: int = 0
    erased: int = 0
    purged: int = 0
    sealed: int = 0

    def __str__(self) -> str:
        return " ".join(f"{name}={count}" for name, count in asdict(self).items())


@dataclass(frozen=True, slots=True)
class Needs:
    """What needs a person."""

    failed: int
    overdue_opt_outs: int
    accounts_at_fault: int
    reviews_overdue: int
    endpoints_paused: int

    def __bool__(self) -> bool:
        return any(asdict(self).values())

    def __str__(self) -> str:
        return " ".join(f"{name}={count}" for name, count in asdict(self).items())


def connect() -> None:
    """Called once, when the app is ready: what is forgotten by age."""
    retention.register(
        Kept("provider_syncs", "Changes that newer ones have followed", purge, 30, least=7),
        Kept("call_traces", "Calls to providers, masked", attempts.forget, 90),
        Kept("callback_bodies", "What providers wrote, word by word", hearing.forget_bodies, 90, 7),
        Kept("ignored_callbacks", "Callbacks about no consent", hearing.purge, 30),
        Kept("webhook_deliveries", "What subscribers were told", deliveries.purge, 30),
        Kept("registrations", "Results that subscribers were told", verdicts.purge, 30),
    )


def sweep(*, purges: bool = True) -> Counts:
    """Everything but the sending; what it finds to send is due at once.

    `purges`: look for what is old enough to forget, too, which reads whole tables.
    """
    counts = Counts()
    counts.freed = _until_nothing(settlement.reap) + deliveries.reap()
    counts.no_result = _until_nothing(settlement.time_out_results)
    counts.windows_closed = window_lines.close_run_out()
    counts.expired = _until_nothing(expiry.write_run_out)
    counts.warned = expiry.warn()
    counts.restated = settling.settle_purposes()
    counts.caught_up = _catch_up()
    # Before what failed is tried again: of the erased nothing is.
    counts.erased = erasure.finish_open()
    counts.retried = _retry_opt_outs_daily()
    counts.mended = outbox.mend_stale()
    counts.tallied = tallies.keep(timezone.now())
    counts.purged = retention.forget_old() if purges else 0
    counts.sealed = _seal()
    return counts


def _seal() -> int:
    """Seal what is new in the ledger, when it is time; how many lines."""
    sealed = 0
    if not sealing.is_due():
        return sealed
    try:
        for seal in sealing.seal():
            sealed += seal.count
    except AnchorError as error:
        log.error("%s They are kept in the database, and this is tried again.", error)
    return sealed


def sweep_alone(*, purges: bool = True) -> Counts | None:
    """The same, unless somebody else is at it just now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
        if not cursor.fetchone()[0]:
            return None
    try:
        return sweep(purges=purges)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])


def retry_failed(reasons: Collection[FailedReason] = RETRIED, account: UUID | None = None) -> int:
    """Tell the present bit again to every pair whose newest row failed for one of these."""
    failed = _failed().filter(reason__in=[reason.value for reason in reasons])
    if account is not None:
        failed = failed.filter(account=account)
    return _retry_each(failed)


def needs() -> Needs:
    """What a person has to look at now."""
    now = database_clock()
    waiting = ProviderSync.objects.filter(status=Status.PENDING.value, kind=Kind.OPT_OUT.value)
    return Needs(
        failed=_failed().filter(seen_at=None).count(),
        overdue_opt_outs=waiting.filter(attempts__gt=len(LADDER)).count(),
        accounts_at_fault=ProviderAccount.objects.filter(
            is_enabled=True, fault__in=[fault.value for fault in NEEDS_SOMEBODY]
        ).count(),
        reviews_overdue=reviews.overdue(now).count(),
        endpoints_paused=WebhookEndpoint.objects.filter(
            is_active=True, paused_at__isnull=False
        ).count(),
    )


def purge(older_than: timedelta = KEPT_FOR) -> int:
    """Delete ended rows that a newer one of their pair has followed, a chunk at a time.

    But those of people that a legal hold is on.
    """
    ended = Q(
        status__in=[Status.SUCCEEDED.value, Status.SUPERSEDED.value, Status.FAILED.value],
        ended_at__lt=database_clock() - older_than,
    )
    old = ProviderSync.objects.filter(ended, _has_newer())
    free = old.exclude(identity__in=legal_holds.held_identities()).values_list("id", flat=True)
    _, deleted = ProviderSync.objects.filter(id__in=list(free[:CHUNK])).delete()
    return deleted.get(ProviderSync._meta.label, 0)


def _has_newer() -> Exists:
    newer = ProviderSync.objects.filter(
        account=OuterRef("account"), identity=OuterRef("identity"), seq__gt=OuterRef("seq")
    )
    return Exists(newer)


def _failed() -> QuerySet[ProviderSync]:
    """Failed rows that nothing newer of their pair, and no erasure, has made pointless."""
    rows = ProviderSync.objects.filter(~_has_newer(), status=Status.FAILED.value)
    return rows.filter(identity__address__isnull=False)


def _retry_opt_outs_daily() -> int:
    """An opt-out never gives up, whatever the provider said of it."""
    yesterday = database_clock() - DAILY
    failed = _failed().filter(kind=Kind.OPT_OUT.value, ended_at__lt=yesterday)
    return _retry_each(failed.filter(account__is_enabled=True), keep_seen=True)


def _retry_each(failed: QuerySet[ProviderSync], *, keep_seen: bool = False) -> int:
    """`keep_seen`: who has seen that it failed need not look again when it does once more."""
    retried, last = 0, 0
    while chunk := list(failed.filter(seq__gt=last).order_by("seq")[:CHUNK]):
        for sync in chunk:
            row = outbox.retry(sync)
            if keep_seen and sync.seen_at:
                ProviderSync.objects.filter(id=row.id).update(seen_at=sync.seen_at)
        retried, last = retried + len(chunk), chunk[-1].seq
    return retried


def _until_nothing(step: Callable[[], int]) -> int:
    total = 0
    while found := step():
        total += found
    return total


def _catch_up() -> int:
    """Tell new accounts what is known already, until nothing is left to tell."""
    looked_at = 0
    behind = ProviderAccount.objects.filter(is_enabled=True).exclude(catch_up="")
    for account in list(behind.values_list("id", flat=True)):
        while chunk := accounts.catch_up(account):
            looked_at += chunk
    return looked_at

"""Opt-ins that run out: written down when they have, and told beforehand.

The gate needs neither: it reads the age of an opt-in. The line is for whoever reads what happened,
it ends the opt-in for good, also where a purpose is later given a longer validity, and rings the
doorbell, so that providers hear of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial, reduce
from operator import or_
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet

from consents import ledger
from consents.models import ChannelIdentity, Consent, Purpose, Sender, Standing
from consents.models.rows import update_rows
from consents.purposes import PurposeTree
from consents.signals import opt_ins_ending
from consents.vocabulary import Action, Origin, State
from consents.writing import Line, Page, database_clock

CHUNK = 500

WARNED_EVERY = timedelta(hours=1)
"""How often it is looked whom to warn: all are looked through that end within the time."""


def write_run_out(limit: int = CHUNK) -> int:
    """Write `expired`, at its true end, for opt-ins that have run out; how many, to be repeated."""
    return ledger.once_more_on_deadlock(lambda: _write_run_out(limit))


def _write_run_out(limit: int) -> int:
    purposes, now = PurposeTree.current()
    for purpose, lasts in _limited(purposes):
        run_out = Q(opted_in_at__lte=now - lasts)
        due = Consent.objects.filter(_opted_in(purpose), run_out).order_by("opted_in_at")
        ids = list(due.values_list("identity", flat=True)[:limit])
        if ids:
            return sum(_write_of(sender, purposes, purpose, ids) for sender in _senders(ids))
    return 0


def _write_of(
    sender: Sender, purposes: PurposeTree, purpose: Purpose, identities: list[UUID]
) -> int:
    page = Page(sender, purposes)
    people = list(sender.identities.filter(id__in=identities).order_by("id"))
    page.lock(identity.id for identity in people)
    lines = [line for one in people if (line := _line(page, one, purpose))]
    for line in lines:
        page.add(line)
    page.write()
    return len(lines)


def _line(page: Page, identity: ChannelIdentity, purpose: Purpose) -> Line | None:
    """Under the lock: they may have opted in anew, or out, since they were found."""
    fold = page.folds[identity.id].get(purpose.id)
    if fold is None or fold.state != State.OPTED_IN or fold.opted_in_at is None:
        return None
    end = page.purposes.end(purpose.id, fold.opted_in_at)
    if end is None or end > page.now:
        return None
    return Line(
        identity=identity,
        action=Action.EXPIRED,
        purpose=purpose,
        origin=Origin.SYSTEM,
        occurred_at=end,
        cause=fold.event,
    )


def ending_soon() -> QuerySet[Consent]:
    """Opt-ins that run out within the time for which a warning is given."""
    purposes, now = PurposeTree.current()
    soon = [_ending(purpose, lasts, now) for purpose, lasts in _limited(purposes)]
    return Consent.objects.filter(reduce(or_, soon)) if soon else Consent.objects.none()


def warn(limit: int = CHUNK) -> int:
    """Ring for opt-ins that run out soon, once for each end; how many. Hourly for each purpose."""
    warned = 0
    purposes, now = PurposeTree.current()
    for purpose, lasts in _limited(purposes) if _notice() else ():
        if purpose.warned_at is None or purpose.warned_at <= now - WARNED_EVERY:
            some = partial(_warn_some, purpose, lasts, limit)
            warned += sum(iter(partial(ledger.once_more_on_deadlock, some), 0))
            Purpose.objects.filter(id=purpose.id).update(warned_at=now)
    return warned


def _warn_some(purpose: Purpose, lasts: timedelta, limit: int) -> int:
    unwarned = Q(warned_of=None) | Q(warned_of__lt=F("opted_in_at") + lasts)
    ending = Consent.objects.filter(_ending(purpose, lasts, database_clock()), unwarned)
    ids = list(ending.values_list("identity", flat=True)[:limit])
    # What is read under the locks is so until the commit: who has just opted in anew is left out.
    list(Standing.objects.locked(ids))
    told = list(ending.filter(identity__in=ids).select_related("identity", "purpose"))
    for one in told:
        one.warned_of = one.opted_in_at + lasts if one.opted_in_at else None
    update_rows(told, ["warned_of"])
    if told:
        opt_ins_ending.send(Consent, consents=told)
    return len(told)


def _limited(purposes: PurposeTree) -> Iterator[tuple[Purpose, timedelta]]:
    """The purposes for which an opt-in is good for a time only, and for how long."""
    return ((purposes.by_id[id], lasts) for id, lasts in purposes.lasts.items() if lasts)


def _notice() -> timedelta:
    return timedelta(days=settings.EXPIRY_WARNING_DAYS)


def _senders(identities: list[UUID]) -> QuerySet[Sender]:
    return Sender.objects.filter(identities__in=identities).distinct()


def _opted_in(purpose: Purpose) -> Q:
    return Q(purpose=purpose, state=State.OPTED_IN.value)


def _ending(purpose: Purpose, lasts: timedelta, now: datetime) -> Q:
    run_out = now - lasts
    return _opted_in(purpose) & Q(opted_in_at__gt=run_out, opted_in_at__lte=run_out + _notice())

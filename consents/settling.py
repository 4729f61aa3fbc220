"""After a purpose's rules have changed: looks again at whether each person may be written to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from consents import ledger
from consents.models import Consent, Purpose, Standing
from consents.models.rows import update_rows
from consents.purposes import PurposeTree
from consents.signals import may_write_changed
from consents.writing import database_clock

CHUNK = 1000

TRANSACTIONS_END_WITHIN = timedelta(minutes=1)
"""A transaction begun before the change may still go by the old rules for that long."""


def settle_purposes() -> int:
    """Look at everybody again while some purpose is unsettled; how many standings changed.

    A purpose counts as settled once nobody can have gone by its old rules after the last look.
    """
    begun = database_clock()
    unsettled = Purpose.objects.filter(unsettled_since__lte=begun)
    if not unsettled.exists():
        return 0
    changed = sum(_settle(chunk) for chunk in _everybody())
    unsettled.filter(unsettled_since__lte=begun - TRANSACTIONS_END_WITHIN).update(
        unsettled_since=None
    )
    return changed


def _everybody() -> Iterator[list[UUID]]:
    """Those who have stated anything, in the order of their locks, a chunk at a time.

    Whoever comes meanwhile goes by the new rules: an import would keep ahead of this for ever.
    """
    stated = Standing.objects.filter(may_write__isnull=False).order_by("identity_id")
    last = stated.values_list("identity_id", flat=True).last()
    if last is None:
        return
    stated = stated.filter(identity_id__lte=last)
    chunk = list(stated.values_list("identity_id", flat=True)[:CHUNK])
    while chunk:
        yield chunk
        after = stated.filter(identity_id__gt=chunk[-1])
        chunk = list(after.values_list("identity_id", flat=True)[:CHUNK])


def _settle(chunk: list[UUID]) -> int:
    return ledger.once_more_on_deadlock(lambda: _settle_locked(chunk))


def _settle_locked(chunk: list[UUID]) -> int:
    standings = list(Standing.objects.locked(chunk))
    purposes, now = PurposeTree.load(), database_clock()
    folds: dict[UUID, dict[UUID, Consent]] = {}
    for consent in Consent.objects.filter(identity__in=chunk):
        folds.setdefault(consent.identity_id, {})[consent.purpose_id] = consent
    changed = []
    for standing in standings:
        stated = {key: one.fold for key, one in folds.get(standing.identity_id, {}).items()}
        if standing.may_write != (may_write := purposes.may_write(stated, now)):
            standing.may_write = may_write
            changed.append(standing)
    update_rows(changed, ["may_write"])
    if changed:
        may_write_changed.send(Standing, identities=[one.identity_id for one in changed])
    return len(changed)

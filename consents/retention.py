"""How long what is kept: each kind of rows by a rule, forgotten a chunk at a time.

Whoever holds rows registers their kinds. What a legal hold is on stays, whatever its age.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction

from consents import attachments, idempotency, legal_holds, quotas
from consents.errors import ConsentError
from consents.importing import intake
from consents.models import (
    EventDetail,
    EvidenceFile,
    InboundMessage,
    RetentionRule,
    Standing,
)
from consents.models.base import ClockTimestamp
from consents.models.ledger import NOTHING_PERSONAL
from consents.writing import database_clock

CHUNK: Final = 1000
MONTH: Final = 30
YEAR: Final = 365

Forget = Callable[[timedelta], int]
"""Forgets what is older, a chunk of it; how many rows, 0 when there is nothing left."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Rows that are forgotten by age. `days` None: kept for good, where no rule says otherwise.

    `words` tell staff what it is. `least`: so many days they are needed for the work itself.
    """

    name: str
    words: str
    forget: Forget
    days: int | None
    least: int = 1


_kinds: dict[str, Kind] = {}


def register(*kinds: Kind) -> None:
    _kinds.update((kind.name, kind) for kind in kinds)


def kinds() -> Sequence[Kind]:
    return [_kinds[name] for name in sorted(_kinds)]


def check(kind: str, days: int | None) -> None:
    """Raises ConsentError `unknown_kind`, and `too_short` for less than the work needs."""
    if kind not in _kinds:
        raise ConsentError("unknown_kind", "There is nothing of this kind.", "kind")
    least = _kinds[kind].least
    if days is not None and days < least:
        message = f"These are needed for {least} days; keep them as long at least."
        raise ConsentError("too_short", message, "days")


def forget_old() -> int:
    """Forget all that its rule says is old enough, a chunk at a time; how many rows."""
    total = 0
    for kind, days in _in_force():
        while forgotten := kind.forget(timedelta(days=days)):
            total += forgotten
    return total


def _in_force() -> list[tuple[Kind, int]]:
    rules = dict(RetentionRule.objects.values_list("kind", "days"))
    days = ((kind, rules.get(kind.name, kind.days)) for kind in kinds())
    return [(kind, max(count, kind.least)) for kind, count in days if count is not None]


def forget_messages(older_than: timedelta) -> int:
    """That somebody wrote, and when; the last time is kept with how they stand."""
    old = InboundMessage.objects.filter(received_at__lt=database_clock() - older_than)
    free = old.exclude(identity__in=legal_holds.held_identities())
    ids = list(free.values_list("id", flat=True)[:CHUNK])
    return InboundMessage.objects.filter(id__in=ids).delete()[0]


@transaction.atomic
def forget_evidence(older_than: timedelta) -> int:
    """The proofs of those who may not be written to, and of whom nothing was recorded since,
    with the files that belong to them.

    The lines stay, with hashes that then point at nobody.
    """
    gone = Standing.objects.filter(
        may_write=False, last_recorded_at__lt=database_clock() - older_than
    ).exclude(identity__in=legal_holds.held_identities())
    kept = EventDetail.objects.filter(event__identity__in=gone.values("identity"), erased_at=None)
    ids = list(kept.values_list("event", flat=True)[:CHUNK])
    forgotten = EventDetail.objects.filter(event__in=ids, erased_at=None).update(
        **NOTHING_PERSONAL, erased_at=ClockTimestamp()
    )
    attachments.forget(EvidenceFile.objects.filter(event__in=ids))
    return forgotten


def connect() -> None:
    register(
        Kind("evidence", "Proofs, from the withdrawal on", forget_evidence, None),
        Kind("messages", "That somebody wrote, and when", forget_messages, YEAR, least=3),
        Kind("idempotency_keys", "Repeated requests known again", idempotency.purge, MONTH),
        Kind("import_files", "Files handed in at the desk", intake.purge_files, MONTH),
        Kind("unclaimed_files", "Files of nobody found", attachments.forget_unclaimed, MONTH),
        Kind("visitor_counts", "How often visitors called", quotas.purge, MONTH),
    )

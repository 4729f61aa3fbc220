"""Seals the ledger: the only writer of seals.

One seal at a time and each in a transaction of its own: a second sealer waits for the first and
goes on behind it, and whoever is killed leaves whole seals. Lines are sealed up to where none is
still to come (`consents.feeds`), so that sealing holds up nobody who writes and misses nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from consents import anchors, feeds, leaves, meanings, merkle, seal_keys
from consents.models import ConsentEvent, Seal, SealKey
from consents.models.seals import HASH_BYTES
from consents.signals import ledger_sealed
from consents.signatures import SigningKey
from consents.writing import database_clock

log = logging.getLogger(__name__)

LINES_MAX: Final = 65_536
"""Of one seal: what is held in memory, and has to be read to prove one line."""

_LOCK: Final = 0x0B7B0_5EA1


def seal() -> Iterator[Seal]:
    """Seal every line that can be, seal by seal as they are asked for; then keep them outside too.

    Raises AnchorError, all being sealed, where they cannot be written there.
    """
    while made := _seal_next():
        log.info(
            "Seal %d: %d lines up to %d, %s",
            *(made.number, made.count, made.upto, made.digest().hex()),
        )
        yield made
    anchors.publish()


def is_due(*, at: datetime | None = None) -> bool:
    """Whether the schedule (LEDGER_SEAL_MINUTES; none: never) asks for a seal, now or `at`."""
    every = timedelta(minutes=settings.LEDGER_SEAL_MINUTES)
    if not every:
        return False
    last = Seal.objects.light().first()
    return last is None or last.sealed_at + every <= (at or database_clock())


def unsealed() -> QuerySet[ConsentEvent]:
    """The lines that are not sealed yet, in no order."""
    last = Seal.objects.light().first()
    lines = ConsentEvent.objects.order_by()
    return lines.filter(seq__gt=last.upto) if last else lines


def _seal_next() -> Seal | None:
    """Seal the next lines, at most LINES_MAX of them; None where there are none."""
    # Within a transaction that has written lines, the horizon would be above uncommitted ones.
    with transaction.atomic(durable=True):
        _wait_for_turn()
        last = Seal.objects.light().first()
        after = last.upto if last else None
        entries = list(leaves.entries(after, feeds.horizon(ConsentEvent), LINES_MAX))
        if not entries:
            return None
        made = _signed(last, leaves.seq(entries[-1]), [merkle.leaf(one) for one in entries])
        made.append()
        ledger_sealed.send(sender=Seal, seal=made)
    return made


def _wait_for_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _signed(last: Seal | None, upto: int, hashes: list[bytes]) -> Seal:
    key, means = seal_keys.signing(), meanings.current()
    purposes = meanings.digest(means)
    made = Seal(
        number=last.number + 1 if last else 1,
        format=leaves.FORMAT,
        after=last.upto if last else 0,
        upto=upto,
        count=len(hashes),
        root=merkle.root(hashes),
        previous=last.digest() if last else bytes(HASH_BYTES),
        purposes=purposes,
        meanings=None if last and bytes(last.purposes) == purposes else means,
        sealed_at=database_clock(),
        key=_kept(key),
        leaves=b"".join(hashes),
    )
    made.signature = key.sign(made.signed_bytes())
    return made


def _kept(key: SigningKey) -> SealKey:
    kept = SealKey.objects.filter(id=key.id).first()
    if kept is None:
        kept = SealKey(id=key.id, public=key.public, first_used_at=database_clock())
        kept.append()
    return kept

"""Writes down opt-ins that have to be confirmed: of what is staged, by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection

from consents import awaiting
from consents.batch import sql
from consents.models import ConsentEvent, EventDetail, Sender
from consents.models.ledger import NOTHING_PERSONAL
from consents.purposes import PurposeTree
from consents.signals import Line, Lines, lines_recorded
from consents.vocabulary import Action
from consents.writing import database_clock

_KNOWN: Final = f"""
SELECT DISTINCT identity_id FROM {sql.STAGED}
WHERE action = 'opt_in_requested' AND NOT is_made
"""


class Asked(NamedTuple):
    """What was written of the statement with this number; `address` None of somebody erased."""

    n: int
    event: UUID
    identity: UUID
    contact: UUID
    address: str | None
    address_commitment: bytes
    seq: int
    outcome: str
    occurred_at: datetime
    recorded_at: datetime
    is_erased: bool


def ask(sender: Sender, purposes: PurposeTree) -> Sequence[Asked]:
    """Write down those that are staged, take them out of the table, and ring.

    The people are made or locked already. Nobody who asks says anything else in the table.
    """
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN)
        known = [identity for (identity,) in cursor]
    waiting = awaiting.still_open(known, purposes, database_clock()) if known else []
    with connection.cursor() as cursor:
        cursor.execute(
            sql.ASK,
            {
                "sender": sender.id,
                "awaited_of": [one.request.identity_id for one in waiting],
                "awaited": [one.request.purpose_id for one in waiting],
            },
        )
        asked = [Asked(*row) for row in cursor]
    _forget([one for one in asked if one.is_erased])
    if asked:
        lines_recorded.send(ConsentEvent, lines=_lines(sender, asked))
    return asked


def _forget(asked: Sequence[Asked]) -> None:
    """Of somebody erased, of whom there are few, only the line is kept."""
    for one in asked:
        detail = EventDetail.objects.filter(event=one.event)
        detail.update(**NOTHING_PERSONAL, erased_at=one.recorded_at)


def _lines(sender: Sender, asked: Sequence[Asked]) -> Lines:
    action = Action.OPT_IN_REQUESTED.value
    lines = [Line(one.event, one.identity, action) for one in asked]
    return Lines(sender.id, lambda: lines, lambda: _events(asked))


def _events(asked: Sequence[Asked]) -> Sequence[ConsentEvent]:
    written = ConsentEvent.objects.filter(id__in=[one.event for one in asked])
    return list(written.select_related("identity", "purpose").order_by("seq"))

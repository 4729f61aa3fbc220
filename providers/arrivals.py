"""Calls that came back well: all that they carried has arrived, and nothing about it is odd.

Nearly all calls are such, so they are settled together by a few statements. A row that is odd
(uncertain, overtaken, no longer the call's) is left to `providers.settlement`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from consents.writing import database_clock
from providers import circuit
from providers.claims import Call
from providers.contract import Delivery, Result
from providers.outcomes import Status

ARRIVED: Final = {Result.SUCCEEDED: Status.SUCCEEDED, Result.ACCEPTED: Status.AWAITING_RESULT}


@dataclass(frozen=True, slots=True)
class Returned:
    """A call that came back, and what the adapter says of it."""

    call: Call
    delivery: Delivery
    started_at: datetime
    elapsed: timedelta

    @property
    def has_arrived(self) -> bool:
        """All of it, for sure, at the first try."""
        delivery = self.delivery
        return (
            delivery.account_fault is None
            and not delivery.is_repeated
            and bool(delivery.traces)
            and all(outcome.result in ARRIVED for outcome in delivery.outcomes.values())
        )


# In the one order that everybody keeps.
_LOCK: Final = """
SELECT count(*) FROM (
    SELECT FROM consents_standing
    WHERE identity_id IN (SELECT identity_id FROM providers_providersync WHERE id = ANY(%s))
    ORDER BY identity_id FOR NO KEY UPDATE
) AS locked
"""

_SETTLE: Final = """
UPDATE providers_providersync AS row
SET status = told.status, code = told.code, text = told.text, lease = NULL, lease_until = NULL,
    suspect_since = NULL,
    ended_at = CASE WHEN told.status = 'succeeded' THEN clock_timestamp() END
FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::text[])
     AS told(id, lease, status, code, text)
WHERE row.id = told.id AND row.lease = told.lease AND row.status = 'sending'
  AND NOT row.is_uncertain AND NOT EXISTS (
      SELECT FROM providers_providersync AS other
      WHERE other.account_id = row.account_id AND other.identity_id = row.identity_id
        AND other.status IN ('pending', 'awaiting_result'))
RETURNING row.id, row.account_id, row.sent_at
"""


def settle(returned: Sequence[Returned]) -> set[UUID]:
    """Settle what has arrived, and tell the circuits; the rows that were settled.

    Locks the standings of all rows that came back. In a transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [[row for one in returned for row in one.call.rows]])
    told = [row for one in returned if one.has_arrived for row in _rows(one)]
    if not told:
        return set()
    newest: dict[UUID, datetime] = {}
    settled: set[UUID] = set()
    with connection.cursor() as cursor:
        cursor.execute(_SETTLE, [list(column) for column in zip(*told, strict=True)])
        for row, account, sent_at in cursor:
            settled.add(row)
            newest[account] = max(sent_at, newest.get(account, sent_at))
    now = database_clock()
    for account in sorted(newest):
        circuit.accepted(account, newest[account], now)
    return settled


def _rows(one: Returned) -> list[tuple[UUID, UUID, str, str, str]]:
    said = ((UUID(id), outcome) for id, outcome in one.delivery.outcomes.items())
    return [
        (id, one.call.lease, ARRIVED[of.result].value, of.code[:64], of.text[:500])
        for id, of in said
    ]

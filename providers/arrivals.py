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

from consents.models.prepared import array, prepared
from providers import circuit
from providers.claims import Call
from providers.contract import Delivery, Outcome, Result
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
    SELECT FROM consents_standing WHERE identity_id = ANY (ARRAY(
        SELECT identity_id FROM providers_providersync WHERE id = ANY(%s::uuid[])))
    ORDER BY identity_id FOR NO KEY UPDATE
) AS locked
"""

# What is said of many rows alike is sent once, and each row names its place. Whoever has this lease
# is being sent; asked for the status as well, the planner would read all that is being sent.
_SETTLE: Final = """
WITH settled AS (
    UPDATE providers_providersync AS row
    SET status = (%(statuses)s::text[])[told.said], code = (%(codes)s::text[])[told.said],
        text = (%(texts)s::text[])[told.said],
        lease = NULL, lease_until = NULL, suspect_since = NULL,
        ended_at = CASE WHEN (%(statuses)s::text[])[told.said] = 'succeeded'
                        THEN clock_timestamp() END
    FROM unnest(%(ids)s::uuid[], %(said)s::int[]) AS told(id, said)
    WHERE row.id = told.id AND row.lease = (%(leases)s::uuid[])[told.said] AND NOT row.is_uncertain
      AND (SELECT count(*) FROM providers_providersync AS other
           WHERE other.identity_id = row.identity_id AND other.account_id = row.account_id
             AND other.status IN ('pending', 'awaiting_result')) = 0
    RETURNING row.id, row.account_id, row.sent_at
)
SELECT account_id, max(sent_at), array_agg(id::text) FROM settled GROUP BY account_id
"""


def settle(returned: Sequence[Returned]) -> set[str]:
    """Settle what has arrived, and tell the circuits; the rows that were settled.

    Locks the standings of all rows that came back. In a transaction.
    """
    with prepared() as cursor:
        cursor.execute(_LOCK, [array(row for one in returned for row in one.call.rows)])
    arrived = [one for one in returned if one.has_arrived]
    if not arrived:
        return set()
    with prepared() as cursor:
        cursor.execute(_SETTLE, _told(arrived))
        settled = cursor.fetchall()
    circuit.accepted({account: sent_at for account, sent_at, _ in settled})
    return {row for *_, rows in settled for row in rows}


def _told(arrived: Sequence[Returned]) -> dict[str, object]:
    places: dict[tuple[UUID, Outcome], int] = {}
    ids: list[str] = []
    said: list[int] = []
    for one in arrived:
        for id, outcome in one.delivery.outcomes.items():
            ids.append(id)
            said.append(places.setdefault((one.call.lease, outcome), len(places) + 1))
    outcomes = [outcome for _, outcome in places]
    return {
        "ids": array(ids),
        "said": array(said),
        "leases": [lease for lease, _ in places],
        "statuses": [ARRIVED[outcome.result].value for outcome in outcomes],
        "codes": [outcome.code[:64] for outcome in outcomes],
        "texts": [outcome.text[:500] for outcome in outcomes],
    }

"""How soon opt-outs reach the providers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import connection

LOOKED_AT: Final = 2000
"""The newest rows of the outbox that are looked at: enough to tell, and quick at any size."""

_PACE: Final = """
SELECT count(*), percentile_cont(0.5) WITHIN GROUP (ORDER BY took),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY took), max(took)
FROM (
    SELECT extract(epoch FROM ended_at - created_at)::float8 AS took
    FROM (SELECT * FROM providers_providersync ORDER BY seq DESC LIMIT %s) newest
    WHERE kind = 'opt_out' AND status = 'succeeded' AND NOT is_resend
) told
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds from the recording of an opt-out to the provider's answer, of so many."""

    of: int
    p50: float
    p95: float
    longest: float


def of_opt_outs() -> Pace | None:
    """Of the newest; None when none of them was an opt-out that has been told."""
    with connection.cursor() as cursor:
        cursor.execute(_PACE, [LOOKED_AT])
        of, p50, p95, longest = cursor.fetchone()
    return Pace(of, p50, p95, longest) if of else None

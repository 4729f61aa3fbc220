"""How much of its rate a key has used: counted once for all processes, in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from consents import rates
from consents.models import ApiKey
from consents.rates import Rate


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a rate after a call, and when all of it is there again."""

    rate: Rate
    used: int
    resets_in: timedelta

    @property
    def is_exceeded(self) -> bool:
        return self.used > self.rate.calls

    @property
    def remaining(self) -> int:
        return max(0, self.rate.calls - self.used)


def rate_of(key: ApiKey) -> Rate | None:
    """The key's own rate, else the one of the setting API_THROTTLE_RATE; None for no limit."""
    text = key.rate or settings.API_THROTTLE_RATE
    return rates.read(text) if text else None


# One row a key, which its calls change one after another: so no call is missed in the count.
_SPEND = """
INSERT INTO consents_keyuse AS use (api_key_id, began_at, calls)
VALUES (%(key)s, statement_timestamp(), 1)
ON CONFLICT (api_key_id) DO UPDATE SET
    calls = CASE WHEN use.began_at > statement_timestamp() - %(span)s THEN use.calls ELSE 0 END + 1,
    began_at = CASE WHEN use.began_at > statement_timestamp() - %(span)s
                    THEN use.began_at ELSE statement_timestamp() END
RETURNING calls, began_at + %(span)s - statement_timestamp()
"""


def spend(key: ApiKey, rate: Rate) -> Quota:
    """Count one call, also one that exceeds the rate. A new span begins with the first call."""
    parameters: dict[str, Any] = {"key": key.id, "span": rate.span}
    with connection.cursor() as cursor:
        cursor.execute(_SPEND, parameters)
        used, resets_in = cursor.fetchone()
    return Quota(rate, used, max(timedelta(), resets_in))

"""How much of its rate a key, or a visitor, has used: counted once for all processes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils.crypto import salted_hmac

from consents import rates
from consents.models import ApiKey, VisitorUse
from consents.rates import Rate
from consents.writing import database_clock


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


# One row a caller, which its calls change one after another: so no call is missed in the count.
_SPEND = """
INSERT INTO {table} AS use ({caller}, began_at, calls)
VALUES (%(caller)s, statement_timestamp(), 1)
ON CONFLICT ({caller}) DO UPDATE SET
    calls = CASE WHEN use.began_at > statement_timestamp() - %(span)s THEN use.calls ELSE 0 END + 1,
    began_at = CASE WHEN use.began_at > statement_timestamp() - %(span)s
                    THEN use.began_at ELSE statement_timestamp() END
RETURNING calls, began_at + %(span)s - statement_timestamp()
"""
_OF_KEY = _SPEND.format(table="consents_keyuse", caller="api_key_id")
_OF_VISITOR = _SPEND.format(table="consents_visitoruse", caller="visitor")


def spend(key: ApiKey, rate: Rate) -> Quota:
    """Count one call, also one that exceeds the rate. A new span begins with the first call."""
    return _spend(_OF_KEY, key.id, rate)


def spend_as(visitor: str, rate: Rate) -> Quota:
    """The same for whoever has no key; of what tells them apart only a keyed hash is kept."""
    digest = salted_hmac("consents.quotas", visitor, algorithm="sha256").digest()
    return _spend(_OF_VISITOR, digest, rate)


def purge(older_than: timedelta) -> int:
    """Forget visitors who began counting longer ago than this, a chunk at a time; how many."""
    old = VisitorUse.objects.filter(began_at__lt=database_clock() - older_than)
    visitors = list(old.values_list("visitor", flat=True)[:1000])
    return VisitorUse.objects.filter(visitor__in=visitors).delete()[0]


def _spend(statement: str, caller: object, rate: Rate) -> Quota:
    parameters: dict[str, Any] = {"caller": caller, "span": rate.span}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        used, resets_in = cursor.fetchone()
    return Quota(rate, used, max(timedelta(), resets_in))

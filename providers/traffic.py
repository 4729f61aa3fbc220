"""How much an account is told of late: from the newest calls alone, never from a count of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from providers.contract import Result
from providers.models import SyncAttempt

LOOKED_AT: Final = 10_000
"""Of all accounts, the newest: no index leads to one account's calls."""

_WELL: Final = frozenset({Result.SUCCEEDED.value, Result.ACCEPTED.value})


@dataclass(frozen=True, slots=True)
class Traffic:
    """Calls made, changes told by them, and how many of these failed.

    `is_all`: whether there were no more calls in that time than were looked at.
    """

    calls: int
    told: int
    failed: int
    is_all: bool


@dataclass(frozen=True, slots=True)
class _Told:
    """One change told in a call."""

    account: UUID
    call: UUID
    at: datetime
    result: str


def within(account: UUID, now: datetime, *spans: timedelta) -> list[Traffic]:
    """What the account was told in each of these times before `now`."""
    # Narrowed down to the account, or to the time, it would read on for more of them.
    rows = SyncAttempt.objects.order_by("-id")[:LOOKED_AT]
    columns = ("sync__account", "call", "started_at", "result")
    newest = [_Told(*row) for row in rows.values_list(*columns)]
    return [_since(now - span, account, newest) for span in spans]


def _since(since: datetime, account: UUID, newest: Sequence[_Told]) -> Traffic:
    told = [one for one in newest if one.account == account and one.at > since]
    return Traffic(
        calls=len({one.call for one in told}),
        told=len(told),
        failed=sum(one.result not in _WELL for one in told),
        is_all=len(newest) < LOOKED_AT or newest[-1].at <= since,
    )

"""When an account is at fault, it pauses: its rows wait and nothing is spent on them.

Whatever a provider asks for is honoured up to fifteen minutes, else the pause is random up to a
bound that doubles (full jitter), a minute at most. After it one row goes alone, as a probe.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest

from consents.models.prepared import prepared
from providers.contract import AccountFault, Fault, Outcome
from providers.models import ProviderAccount

RETRY_AFTER_MAX = timedelta(minutes=15)
PAUSE_MAX = timedelta(minutes=1)
PAUSE_FIRST = timedelta(seconds=1)
REFUSALS_MAX = 20
SUCCESS_GRAIN = timedelta(seconds=1)
"""How finely `last_success_at` is kept: one write a second, however many calls."""


def pause_length(fault: AccountFault, pauses: int, *, chance: float) -> timedelta:
    """How long to wait after the pause number `pauses` (0: the first); `chance` is in [0, 1)."""
    if fault.retry_after and fault.retry_after > timedelta():
        return min(fault.retry_after, RETRY_AFTER_MAX)
    bound: timedelta = min(PAUSE_FIRST * (2 ** min(pauses, 10)), PAUSE_MAX)
    return bound * chance


def pause(account: UUID, fault: AccountFault, now: datetime) -> None:
    """Pause the account. Calls that were under way together count as one pause."""
    current = ProviderAccount.objects.only("pauses", "paused_until").get(id=account)
    rows = ProviderAccount.objects.filter(id=account)
    length = pause_length(fault, current.pauses, chance=random.random())  # noqa: S311 - jitter
    described = {
        "fault": fault.fault.value,
        "fault_code": fault.code[:64],
        "fault_text": fault.text[:500],
    }
    begun = rows.filter(Q(paused_until=None) | Q(paused_until__lte=now)).update(
        paused_until=now + length,
        pauses=F("pauses") + 1,
        **described,
    )
    if not begun:
        rows.update(paused_until=Greatest("paused_until", now + length), **described)
    rows.filter(paused_since=None).update(paused_since=now)


_RUNNING = {
    "paused_until": None,
    "paused_since": None,
    "pauses": 0,
    "fault": "",
    "fault_code": "",
    "fault_text": "",
}


def answered(account: UUID, begun: datetime) -> None:
    """The account answers again: end its pause, unless it is for refusing everything.

    `begun`: when the call was claimed. One that was under way when the account paused says
    nothing about it: a provider that limits its rate takes some and refuses others.
    """
    paused = _not_paused_after(account, begun).filter(pauses__gt=0)
    paused.exclude(fault=Fault.REFUSING.value).update(**_RUNNING)


# Nearly always nothing: the rows of accounts are written as rarely as can be.
_TO_BE_TOLD: Final = """
SELECT account.id, call.begun, clock_timestamp()
FROM unnest(%s::uuid[], %s::timestamptz[]) AS call(account_id, begun)
JOIN providers_provideraccount AS account ON account.id = call.account_id
WHERE account.refusals > 0 OR account.pauses > 0 OR account.last_success_at IS NULL
   OR account.last_success_at < clock_timestamp() - %s::interval
ORDER BY account.id
"""


def accepted(calls: Mapping[UUID, datetime]) -> None:
    """These accounts took something: end their pauses and forget what was counted against them.

    `calls`: when the newest of such calls was claimed, by account.
    """
    with prepared() as cursor:
        cursor.execute(_TO_BE_TOLD, [list(calls), list(calls.values()), SUCCESS_GRAIN])
        accounts = cursor.fetchall()
    for account, begun, now in accounts:
        _accepted(account, begun, now)


def _accepted(account: UUID, begun: datetime, now: datetime) -> None:
    counted = ProviderAccount.objects.filter(id=account, refusals__gt=0)
    counted.update(refusals=0, refusal_code="")
    rows = _not_paused_after(account, begun)
    rows.filter(pauses__gt=0).update(**_RUNNING)
    stale = Q(last_success_at=None) | Q(last_success_at__lt=now - SUCCESS_GRAIN)
    rows.filter(stale).update(last_success_at=now)


def refused(account: UUID, outcome: Outcome, begun: datetime, now: datetime) -> None:
    """Count a lone row that was refused; the twentieth in a row with one code is a pause."""
    answered(account, begun)
    rows = ProviderAccount.objects.filter(id=account)
    code = outcome.code[:64]
    if not rows.filter(refusal_code=code).update(refusals=F("refusals") + 1):
        rows.update(refusals=1, refusal_code=code)
    if rows.filter(refusals__gte=REFUSALS_MAX).exists():
        text = f"{REFUSALS_MAX} rows in a row were refused: {outcome.text}"
        pause(account, AccountFault(Fault.REFUSING, code, text), now)


def _not_paused_after(account: UUID, moment: datetime) -> QuerySet[ProviderAccount]:
    runs = Q(paused_since=None) | Q(paused_since__lt=moment)
    return ProviderAccount.objects.filter(runs, id=account)

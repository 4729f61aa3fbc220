"""How calls to providers read: what was asked and answered, masked as it was written down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from uuid import UUID

from django.http import HttpRequest

from consents.admin import wording
from consents.admin.tables import may
from consents.counting import counted
from providers.models import ProviderSync, SyncAttempt
from providers.traffic import Traffic

SHOWN = 10
LOOKED_AT = 2000
"""Of all accounts: no index leads to one account's newest calls."""


def may_see(request: HttpRequest) -> bool:
    verbs = ("view", "change")
    return any(may(request, f"providers.{verb}_providersync") for verb in verbs)


def newest(account: str) -> Sequence[SyncAttempt]:
    """The account's newest calls, where it has any among the LOOKED_AT newest."""
    try:
        id = UUID(account)
    except ValueError:
        return ()
    recent = SyncAttempt.objects.order_by("-id").values("id")[:LOOKED_AT]
    found = SyncAttempt.objects.filter(id__in=recent, sync__account=id)
    made = list(found.select_related("sync").order_by("-id")[:SHOWN])
    for one in made:
        one.shown = (when(one), answer(one), said(one), exchange(one))  # type: ignore[attr-defined]
    return made


def in_words(span: str, made: Traffic) -> str:
    """`In the last hour: 12 calls told of 240 changes, 3 failed`."""
    if not made.calls:
        # Where others made so many that none of this account's was looked at, nothing is known.
        return f"In the last {span}: {'no calls' if made.is_all else 'not known'}"
    least = "" if made.is_all else "at least "
    told = f"{counted(made.calls, 'call')} told of {counted(made.told, 'change')}"
    return f"In the last {span}: {least}{told}, {made.failed:,} failed"


def when(attempt: SyncAttempt) -> str:
    return f"{attempt.started_at:%Y-%m-%d %H:%M:%S} UTC"


def answer(attempt: SyncAttempt) -> str:
    status = f"HTTP {attempt.status_code}" if attempt.status_code else "No answer"
    return f"{status}, {attempt.elapsed_ms} ms"


def said(row: SyncAttempt | ProviderSync) -> str:
    """The provider's own code and text."""
    return " ".join(part for part in (row.code, row.text) if part)


def exchange(attempt: SyncAttempt) -> str:
    if not attempt.trace:
        return ""
    return wording.folded("Show", json.dumps(attempt.trace, indent=2, ensure_ascii=False))

"""What the providers' tables hold about people, as their timelines show it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Prefetch

from consents import holders
from consents.holders import Moment
from providers.models import ProviderSync, SyncAttempt
from providers.outcomes import Status

ATTEMPTS_SHOWN = 5

_TITLES = {
    Status.PENDING: "{change} waits to be sent to {account}",
    Status.SENDING: "{change} is being sent to {account}",
    Status.AWAITING_RESULT: "{change} was taken by {account}; its result is awaited",
    Status.SUCCEEDED: "{change} is known to {account}",
    Status.FAILED: "{change} did not reach {account}",
    Status.SUPERSEDED: "{change} to {account} was replaced by a newer change",
}
_TONES = {Status.SUCCEEDED: "success", Status.FAILED: "danger", Status.SUPERSEDED: ""}


class SyncHolder:
    """Rows of the outbox, each with its newest calls."""

    def timeline(self, identities: Collection[UUID], limit: int) -> Sequence[Moment]:
        newest = SyncAttempt.objects.order_by("-started_at", "-id")[:ATTEMPTS_SHOWN]
        syncs = (
            ProviderSync.objects.filter(identity__in=identities)
            .select_related("account")
            .prefetch_related(Prefetch("attempts_made", newest, to_attr="newest_attempts"))
            .order_by("-seq")[:limit]
        )
        return [_moment(sync) for sync in syncs]


def connect() -> None:
    holders.register(_SYNCS)


_SYNCS = SyncHolder()


def _moment(sync: ProviderSync) -> Moment:
    change = "The opt-in" if sync.kind == "opt_in" else "The opt-out"
    status = Status(sync.status)
    return Moment(
        at=sync.created_at,
        kind="sync",
        id=sync.id,
        identity=sync.identity_id,
        title=_TITLES[status].format(change=change, account=sync.account.name),
        lines=_lines(sync),
        tone=_TONES.get(status, "warning"),
        data=_data(sync),
        page=("admin:providers_providersync_change", str(sync.pk)),
    )


def _lines(sync: ProviderSync) -> list[str]:
    said = " ".join(part for part in (sync.code, sync.text) if part)
    why = sync.get_reason_display().capitalize() if sync.reason else ""
    lines = [": ".join(part for part in (why, said) if part)] if why or said else []
    attempts: list[SyncAttempt] = getattr(sync, "newest_attempts", [])
    return lines + [_call(attempt) for attempt in attempts]


def _call(attempt: SyncAttempt) -> str:
    answer = f"HTTP {attempt.status_code}" if attempt.status_code else "no answer"
    result = attempt.get_result_display()
    return (
        f"{attempt.started_at:%Y-%m-%d %H:%M:%S} UTC: {result}, {answer}, {attempt.elapsed_ms} ms"
    )


def _data(sync: ProviderSync) -> dict[str, Any]:
    return {
        "account": str(sync.account_id),
        "account_name": sync.account.name,
        "event": str(sync.event_id) if sync.event_id else None,
        "change": sync.kind,
        "status": sync.status,
        "reason": sync.reason or None,
        "code": sync.code or None,
        "text": sync.text or None,
        "attempts": sync.attempts,
        "ended_at": sync.ended_at.isoformat() if sync.ended_at else None,
    }

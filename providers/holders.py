"""What the providers' tables hold about people: shown on their timelines, and forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, ClassVar, cast
from uuid import UUID

from django.db.models import Model, Prefetch

from consents import holders
from consents.holders import File, Holder, Kept, Moment, Person, rows_of
from consents.timestamps import written
from providers import erasing
from providers.models import (
    Drift,
    ProviderCallback,
    ProviderSync,
    Registration,
    SyncAttempt,
    WebhookDelivery,
)
from providers.outcomes import CallbackStatus, DeliveryStatus, Status

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


class SyncHolder(Holder):
    """Rows of the outbox, each with its newest calls."""

    models: ClassVar[frozenset[type[Model]]] = frozenset({ProviderSync, SyncAttempt})

    def timeline(self, identities: Collection[UUID], limit: int) -> Sequence[Moment]:
        newest = SyncAttempt.objects.order_by("-started_at", "-id")[:ATTEMPTS_SHOWN]
        syncs = (
            ProviderSync.objects.filter(identity__in=identities)
            .select_related("account")
            .prefetch_related(Prefetch("attempts_made", newest, to_attr="newest_attempts"))
            .order_by("-seq")[:limit]
        )
        return [_moment(sync) for sync in syncs]

    def file(self, identities: Collection[UUID]) -> File:
        syncs = ProviderSync.objects.filter(identity__in=identities).order_by("seq")
        calls = SyncAttempt.objects.filter(sync__identity__in=identities)
        return {
            "provider_syncs": rows_of(
                syncs,
                *("id", "identity", "event", "kind", "status", "reason", "code", "text"),
                *("created_at", "sent_at", "heard_at", "ended_at"),
                account="account__name",
            ),
            "provider_calls": rows_of(
                calls.order_by("started_at", "id"),
                *("sync", "started_at", "status_code", "result", "code", "text", "trace"),
            ),
        }

    def owed(self, identities: Collection[UUID]) -> Sequence[Kept]:
        return [erasing.owed_syncs(identities)]

    def erase(self, person: Person) -> None:
        erasing.erase_syncs(person)


class DriftHolder(Holder):
    """Where a provider's lists differ from the ledger. Shown as a question, not on timelines."""

    models: ClassVar[frozenset[type[Model]]] = frozenset({Drift})

    def file(self, identities: Collection[UUID]) -> File:
        drifts = Drift.objects.filter(identity__in=identities).order_by("found_at")
        columns = ("identity", "list_type", "listed", "answer", "found_at")
        return {"provider_lists": rows_of(drifts, *columns, account="account__name")}

    def erase(self, person: Person) -> None:
        erasing.erase_drift(person)


class NotificationHolder(Holder):
    """What subscribers were told. The addresses of endpoints stay with whoever looks after them."""

    models: ClassVar[frozenset[type[Model]]] = frozenset({WebhookDelivery, Registration})

    def timeline(self, identities: Collection[UUID], limit: int) -> Sequence[Moment]:
        rows = WebhookDelivery.objects.filter(identity__in=identities).order_by("-seq")[:limit]
        return [_notification(row) for row in rows]

    def file(self, identities: Collection[UUID]) -> File:
        told = WebhookDelivery.objects.filter(identity__in=identities).order_by("seq")
        asked = Registration.objects.filter(identity__in=identities).order_by("created_at", "id")
        return {
            "webhooks": rows_of(
                told,
                *("id", "endpoint", "event", "trigger", "body", "status", "status_code", "text"),
                *("created_at", "ended_at"),
            ),
            "registrations": rows_of(
                asked,
                *("event", "kind", "channel", "request_id", "contact_ref", "refusal"),
                *("created_at", "told_at"),
                account="account__name",
            ),
        }

    def owed(self, identities: Collection[UUID]) -> Sequence[Kept]:
        return erasing.owed_notifications(identities)

    def erase(self, person: Person) -> None:
        erasing.erase_notifications(person)


class CallbackHolder(Holder):
    """What providers told of them, once it has been applied."""

    models: ClassVar[frozenset[type[Model]]] = frozenset({ProviderCallback})

    def timeline(self, identities: Collection[UUID], limit: int) -> Sequence[Moment]:
        about = set(identities)
        callbacks = ProviderCallback.objects.filter(identities__overlap=sorted(about))
        newest = callbacks.select_related("account").defer("body").order_by("-seq")[:limit]
        return [
            _callback_moment(callback, identity)
            for callback in newest
            for identity in callback.identities
            if identity in about
        ][:limit]

    def file(self, identities: Collection[UUID]) -> File:
        """The body of one that is about others too is theirs as well, and stays here."""
        about = set(identities)
        callbacks = ProviderCallback.objects.filter(identities__overlap=sorted(about))
        return {
            "callbacks": [
                {
                    "id": str(one.id),
                    "account": one.account.name,
                    "received_at": written(one.received_at),
                    "status": one.status,
                    "outcome": one.outcome,
                    "body": _text(one) if about.issuperset(one.identities) else None,
                }
                for one in callbacks.select_related("account").order_by("seq")
            ]
        }

    def erase(self, person: Person) -> None:
        erasing.erase_callbacks(person)


def connect() -> None:
    holders.register(_SYNCS)
    holders.register(_CALLBACKS)
    holders.register(_NOTIFICATIONS)
    holders.register(_DRIFT)


_SYNCS = SyncHolder()
_DRIFT = DriftHolder()
_CALLBACKS = CallbackHolder()


def _text(callback: ProviderCallback) -> str:
    return bytes(callback.body).decode(errors="replace")


def _callback_moment(callback: ProviderCallback, identity: UUID) -> Moment:
    return Moment(
        at=callback.received_at,
        kind="callback",
        id=callback.id,
        identity=identity,
        title=f"{callback.account.name} called back",
        lines=[callback.outcome] if callback.outcome else [],
        tone="danger" if callback.status == CallbackStatus.FAILED else "",
        data={
            "account": str(callback.account_id),
            "account_name": callback.account.name,
            "status": callback.status,
            "outcome": callback.outcome or None,
        },
        page=("admin:providers_providercallback_change", str(callback.pk)),
    )


_NOTIFICATIONS = NotificationHolder()

_NOTIFIED = {
    DeliveryStatus.PENDING: ("waits to be told of {trigger}", "warning"),
    DeliveryStatus.SENDING: ("is being told of {trigger}", "warning"),
    DeliveryStatus.SUCCEEDED: ("was told of {trigger}", "success"),
    DeliveryStatus.FAILED: ("could not be told of {trigger}", "danger"),
}


def _notification(row: WebhookDelivery) -> Moment:
    words, tone = _NOTIFIED[DeliveryStatus(row.status)]
    return Moment(
        at=row.created_at,
        kind="notification",
        id=row.id,
        identity=cast(UUID, row.identity_id),
        title=f"A subscriber {words.format(trigger=row.trigger)}",
        tone=tone,
        data={
            "endpoint": str(row.endpoint_id),
            "trigger": row.trigger,
            "status": row.status,
            "attempts": row.attempts,
            "status_code": row.status_code,
            "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        },
        page=("admin:providers_webhookdelivery_change", str(row.pk)),
    )


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

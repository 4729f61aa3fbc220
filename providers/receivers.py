"""The doorbell: whoever records consent rings it, and rows go in the outbox of that transaction.

It decides nothing and calls no network.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models.signals import post_save

from consents.models import ConsentEvent
from consents.signals import events_recorded, may_write_changed
from consents.vocabulary import Action
from providers import notifications, outbox

TOUCHES_PROVIDERS = frozenset(
    {Action.OPT_IN, Action.OPT_OUT, Action.VOIDED, Action.IDENTITY_MOVED, Action.ERASED}
)


def connect() -> None:
    """Called once, when the app is ready."""
    post_save.connect(_on_event, sender=ConsentEvent, dispatch_uid="providers.event")
    events_recorded.connect(_on_events, dispatch_uid="providers.events")
    may_write_changed.connect(_on_may_write, dispatch_uid="providers.may_write")


def _on_event(instance: ConsentEvent, **_: Any) -> None:
    _ring([instance])


def _on_events(events: list[ConsentEvent], **_: Any) -> None:
    _ring(events)


def _on_may_write(identities: list[UUID], **_: Any) -> None:
    outbox.enqueue(identities)


def _ring(events: list[ConsentEvent]) -> None:
    causes = {event.identity_id: event for event in events if event.action in TOUCHES_PROVIDERS}
    if causes:
        outbox.enqueue(causes, causes)
    notifications.announce(events)

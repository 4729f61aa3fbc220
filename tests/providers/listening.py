"""A subscriber of the default sender on this machine, and ways to look at what it is owed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import factory
from django.db.models import F

from consents.models import Sender
from providers import subscribers
from providers.models import Registration, WebhookDelivery, WebhookEndpoint
from providers.outcomes import SUBSCRIBABLE

EVERYTHING = [trigger.value for trigger in SUBSCRIBABLE]
RESULTS = ["OPT_IN", "OPT_OUT"]


class EndpointFactory(factory.Factory[WebhookEndpoint]):
    """An endpoint as the API makes it, that wants to hear everything."""

    class Meta:
        model = WebhookEndpoint

    sender = factory.LazyFunction(lambda: Sender.objects.get(key="default"))
    url = "https://subscriber.example/hooks"
    triggers = factory.LazyFunction(lambda: list(EVERYTHING))

    @classmethod
    def _create(cls, model_class: Any, *args: Any, **fields: Any) -> WebhookEndpoint:
        endpoint, _ = subscribers.create(**fields)
        return endpoint


def owed(endpoint: WebhookEndpoint | None = None) -> list[WebhookDelivery]:
    """What was put in, oldest first."""
    rows = WebhookDelivery.objects.order_by("seq")
    return list(rows.filter(endpoint=endpoint) if endpoint else rows)


def triggers() -> list[str]:
    return [one.trigger for one in owed()]


def statuses() -> list[str]:
    return [one.status for one in owed()]


def results() -> list[dict[str, Any]]:
    """The results of registrations that were told."""
    return [one.body for one in owed() if one.trigger in RESULTS]


def fetched(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(id=endpoint.id)


def time_passes(**span: float) -> None:
    """Move what is set for a time nearer by that much, as if the time had passed."""
    earlier = timedelta(**span)
    moved = ("due_at", "lease_until", "created_at", "ended_at")
    WebhookDelivery.objects.update(**{name: F(name) - earlier for name in moved})
    moved = ("wait_until", "failing_since", "paused_at", "last_success_at")
    WebhookEndpoint.objects.update(**{name: F(name) - earlier for name in moved})
    Registration.objects.update(
        created_at=F("created_at") - earlier, told_at=F("told_at") - earlier
    )

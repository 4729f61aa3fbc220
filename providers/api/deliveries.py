"""`webhook-deliveries/`: what subscribers were told, and what became of it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from consents.api import lookups, operations
from consents.api.door import Door
from consents.api.fields import Query, shown_time
from consents.api.pagination import feed_of
from consents.idempotency import Answer, Result
from consents.models import Sender
from consents.vocabulary import Scope
from providers import subscribers
from providers.api import schema
from providers.models import WebhookDelivery
from providers.notifications import masked
from providers.outcomes import DeliveryStatus, Trigger

_FILTERS: Final = [
    operations.query("endpoint", "The endpoint's id.", schema=operations.UUID_TEXT),
    operations.query("trigger", schema=operations.one_of(Trigger)),
    operations.query("status", schema=operations.one_of(DeliveryStatus)),
    operations.query("channel"),
    operations.query("identity"),
]


class Deliveries(Door):
    scopes = {"GET": Scope.READ}

    @schema.describe(
        "list_webhook_deliveries",
        {200: operations.listing(schema.DeliveryBody)},
        parameters=[
            operations.SENDER,
            *_FILTERS,
            *operations.PAGING,
        ],
    )
    def get(self, request: Request) -> Response:
        """Notifications, the newest first."""
        query = self.list_query(*(one.name for one in _FILTERS))
        rows = _filtered(self.senders(query), query)
        return self.page(feed_of(rows, query), shown)


class OneDelivery(Door):
    scopes = {"GET": Scope.READ}

    @schema.describe("read_webhook_delivery", {200: schema.DeliveryBody}, finds=True)
    def get(self, request: Request, id: UUID) -> Response:
        """One notification."""
        self.query()
        return Response(shown(_delivery(self, id)))


class Redeliver(Door):
    scopes = {"POST": Scope.MANAGE}

    @schema.describe("redeliver_webhook", {202: schema.DeliveryBody}, repeatable=True, finds=True)
    def post(self, request: Request, id: UUID) -> Response:
        """Deliver it again, under the same id."""
        delivery = _delivery(self, id)
        self.without_body()

        def work() -> Answer:
            subscribers.redeliver(delivery)
            return Answer(202, {"delivery": str(delivery.id)})

        return self.once(work, shown_result)


def shown(delivery: WebhookDelivery) -> dict[str, Any]:
    """A notification as the API shows it, its body masked."""
    return {
        "id": str(delivery.id),
        "seq": delivery.seq,
        "endpoint": str(delivery.endpoint_id),
        "trigger": delivery.trigger,
        "event": str(delivery.event_id) if delivery.event_id else None,
        "request_id": delivery.request_id or None,
        "body": masked(delivery.body),
        "status": delivery.status,
        "attempts": delivery.attempts,
        "status_code": delivery.status_code,
        "text": delivery.text or None,
        "created_at": shown_time(delivery.created_at),
        "due_at": shown_time(delivery.due_at),
        "ended_at": shown_time(delivery.ended_at),
    }


def shown_result(result: Result) -> dict[str, Any]:
    """The notification that a write made or changed."""
    return shown(WebhookDelivery.objects.get(id=result["delivery"]))


def _delivery(door: Door, id: UUID) -> WebhookDelivery:
    rows = WebhookDelivery.objects.filter(endpoint__sender__in=door.key.acts_for)
    delivery = rows.filter(id=id).first()
    if delivery is None:
        raise Http404
    return delivery


def _filtered(senders: list[Sender], query: Query) -> QuerySet[WebhookDelivery]:
    """Raises ConsentError for values that no row could have."""
    rows = WebhookDelivery.objects.filter(endpoint__sender__in=senders)
    identities = lookups.identities(senders, query)
    if identities is not None:
        rows = rows.filter(identity__in=identities)
    exact = {
        "endpoint": query.uuid("endpoint"),
        "trigger": query.word("trigger", list(Trigger)),
        "status": query.word("status", list(DeliveryStatus)),
    }
    return rows.filter(**{name: value for name, value in exact.items() if value})

"""`webhook-endpoints/`: who is told, looked after, tried out and told again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from consents.api import operations
from consents.api.door import Door
from consents.api.fields import Fields, shown_time
from consents.api.pagination import page_of
from consents.errors import ConsentError
from consents.idempotency import Answer, Result
from consents.vocabulary import Scope
from providers import subscribers
from providers.api import deliveries, schema
from providers.models import WebhookEndpoint
from providers.outcomes import SUBSCRIBABLE, SignatureStyle


class Endpoints(Door):
    scopes = {"GET": Scope.READ, "POST": Scope.MANAGE}

    @schema.describe(
        "list_webhook_endpoints",
        {200: operations.listing(schema.EndpointBody)},
        parameters=[operations.SENDER, *operations.PAGING],
    )
    def get(self, request: Request) -> Response:
        """Subscribers, the newest first."""
        query = self.list_query()
        rows = _endpoints().filter(sender__in=self.senders(query))
        return self.page(page_of(rows, query), shown)

    @schema.describe(
        "create_webhook_endpoint",
        {201: schema.EndpointWithSecret},
        request=schema.EndpointRequest,
        repeatable=True,
    )
    def post(self, request: Request) -> Response:
        """Subscribe. The answer holds the secret of the signatures, this once."""
        body = self.body(schema.EndpointRequest)
        sender = self.sender(body)
        url, triggers = body.required_text("url"), _triggers(body)
        signature = _signature(body) or SignatureStyle.STANDARD.value
        made: list[str] = []

        def work() -> Answer:
            endpoint, secret = subscribers.create(
                sender, url=url, triggers=triggers, signature=signature
            )
            made[:] = [secret]
            return Answer(201, {"endpoint": str(endpoint.id)})

        return self.once(work, _with_secret(made))


class OneEndpoint(Door):
    scopes = {"GET": Scope.READ, "PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}

    @schema.describe("read_webhook_endpoint", {200: schema.EndpointBody}, finds=True)
    def get(self, request: Request, id: UUID) -> Response:
        """One subscriber."""
        self.query()
        return Response(shown(_endpoint(self, id)))

    @schema.describe(
        "change_webhook_endpoint",
        {200: schema.EndpointBody},
        request=schema.EndpointChange,
        repeatable=True,
        finds=True,
    )
    def patch(self, request: Request, id: UUID) -> Response:
        """Change what is sent; what is left out stays. `is_active` true also resumes."""
        endpoint = _endpoint(self, id)
        body = self.body(schema.EndpointChange)
        url = body.required_text("url") if body.has("url") else None
        triggers = _triggers(body) if body.has("triggers") else None
        signature, is_active = _signature(body) or None, _is_active(body)

        def work() -> Answer:
            subscribers.change(
                endpoint, url=url, triggers=triggers, signature=signature, is_active=is_active
            )
            return Answer(200, {"endpoint": str(endpoint.id)})

        return self.once(work, _shown_endpoint)

    @schema.describe("delete_webhook_endpoint", {204: None}, repeatable=True, finds=True)
    def delete(self, request: Request, id: UUID) -> Response:
        """Unsubscribe; what was and would have been delivered is forgotten with it."""
        self.without_body()

        def work() -> Answer:
            # Not before: of a repetition it is not there any more.
            subscribers.delete(_endpoint(self, id))
            return Answer(204, {})

        return self.once(work, _nothing)


class Rotate(Door):
    scopes = {"POST": Scope.MANAGE}

    @schema.describe(
        "rotate_webhook_secret", {200: schema.EndpointWithSecret}, repeatable=True, finds=True
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Replace the secret. For a day the former one signs too (style `standard`)."""
        endpoint = _endpoint(self, id)
        self.without_body()
        made: list[str] = []

        def work() -> Answer:
            made[:] = [subscribers.rotate(endpoint)]
            return Answer(200, {"endpoint": str(endpoint.id)})

        return self.once(work, _with_secret(made))


class Test(Door):
    scopes = {"POST": Scope.MANAGE}

    @schema.describe(
        "test_webhook_endpoint", {202: schema.DeliveryBody}, repeatable=True, finds=True
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Send a notification with the trigger TEST; ask for the delivery to see how it went."""
        endpoint = _endpoint(self, id)
        self.without_body()

        def work() -> Answer:
            return Answer(202, {"delivery": str(subscribers.test(endpoint).id)})

        return self.once(work, deliveries.shown_result)


class RedeliverSince(Door):
    scopes = {"POST": Scope.MANAGE}

    @schema.describe(
        "redeliver_webhooks_since",
        {202: schema.RedeliverBody},
        request=schema.RedeliverRequest,
        repeatable=True,
        finds=True,
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Deliver everything made since a time again, in its order and under the same ids."""
        endpoint = _endpoint(self, id)
        body = self.body(schema.RedeliverRequest)
        since, until = body.time("since"), body.time("until")
        if since is None:
            raise ConsentError("since_required", "Say since when.", "since")

        def work() -> Answer:
            count = subscribers.redeliver_since(endpoint, since, until)
            return Answer(202, {"redelivered": count})

        return self.once(work, dict)


def shown(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """An endpoint as the API shows it, without its secret; needs its sender."""
    return {
        "id": str(endpoint.id),
        "sender": endpoint.sender.key,
        "url": endpoint.url,
        "triggers": endpoint.triggers,
        "signature": endpoint.signature,
        "is_active": endpoint.is_active,
        "paused_at": shown_time(endpoint.paused_at),
        "pause_reason": endpoint.pause_reason or None,
        "failing_since": shown_time(endpoint.failing_since),
        "last_success_at": shown_time(endpoint.last_success_at),
        "created_at": shown_time(endpoint.created_at),
    }


def _with_secret(made: list[str]) -> Callable[[Result], dict[str, Any]]:
    """The secret only of the call that made it: a replay has none to show."""
    return lambda result: {**_shown_endpoint(result), "secret": made[0] if made else None}


def _nothing(result: Result) -> None:
    """A deletion has nothing to show."""


def _shown_endpoint(result: Result) -> dict[str, Any]:
    return shown(_endpoints().get(id=result["endpoint"]))


def _endpoints() -> QuerySet[WebhookEndpoint]:
    # The secret stays where it is: nothing here may show it by mistake.
    return WebhookEndpoint.objects.select_related("sender").defer("secret")


def _endpoint(door: Door, id: UUID) -> WebhookEndpoint:
    endpoint = _endpoints().filter(id=id, sender__in=door.key.acts_for).first()
    if endpoint is None:
        raise Http404
    return endpoint


def _triggers(body: Fields) -> list[str]:
    return subscribers.checked_triggers(body.items("triggers", len(SUBSCRIBABLE)))


def _signature(body: Fields) -> str:
    return body.word("signature", list(SignatureStyle))


def _is_active(body: Fields) -> bool | None:
    value = body.raw("is_active")
    if value is not None and not isinstance(value, bool):
        raise ConsentError("invalid_is_active", "This must be true or false.", "is_active")
    return value

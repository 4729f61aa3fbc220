"""What subscribers were and are to be told, and what they answered."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from consents.admin import search, wording
from consents.admin.audit import log
from consents.admin.tables import ReadOnlyAdmin, may
from consents.admin.theme import display
from providers import subscribers
from providers.models import WebhookDelivery
from providers.notifications import masked
from providers.outcomes import DeliveryStatus

STATUSES = {
    DeliveryStatus.PENDING: "Waiting",
    DeliveryStatus.SENDING: "Being sent",
    DeliveryStatus.SUCCEEDED: "Done",
    DeliveryStatus.FAILED: "Failed",
}
_LABELS = {"Done": "success", "Failed": "danger", "Waiting": "warning", "Being sent": "info"}


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("created", "endpoint", "trigger", "about", "status_shown", "answer", "attempts")
    list_filter = ("status", "trigger", "endpoint")
    search_fields = ("identity",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    list_select_related = ("identity", "endpoint")
    ordering = ("-seq",)
    actions = ("redeliver_selected",)
    fields = (
        *("endpoint", "trigger", "about", "status_shown", "answer", "attempts", "next_try"),
        *("created", "ended", "masked_body"),
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookDelivery]:
        rows: QuerySet[WebhookDelivery] = super().get_queryset(request)
        return rows.defer("endpoint__secret")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[WebhookDelivery], search_term: str
    ) -> tuple[QuerySet[WebhookDelivery], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(identity__in=search.identities_of(search_term)), False

    def has_redeliver_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "providers.change_webhookdelivery")

    @admin.action(description="Deliver again", permissions=["redeliver"])
    def redeliver_selected(
        self, request: HttpRequest, deliveries: QuerySet[WebhookDelivery]
    ) -> None:
        chosen = list(deliveries)
        for delivery in chosen:
            subscribers.redeliver(delivery)
            log(request, delivery, "Delivered again.")
        messages.success(request, f"To be delivered again: {len(chosen)}.")

    @display("Since")
    def created(self, delivery: WebhookDelivery) -> str:
        return wording.moment(delivery.created_at)

    @display("Ended")
    def ended(self, delivery: WebhookDelivery) -> str:
        return wording.moment(delivery.ended_at) if delivery.ended_at else ""

    @display("About")
    def about(self, delivery: WebhookDelivery) -> str:
        return wording.named(delivery.identity) if delivery.identity else ""

    @display("Status", label=_LABELS)
    def status_shown(self, delivery: WebhookDelivery) -> str:
        return STATUSES[DeliveryStatus(delivery.status)]

    @display("Answer")
    def answer(self, delivery: WebhookDelivery) -> str:
        status = f"HTTP {delivery.status_code}" if delivery.status_code else ""
        return " ".join(part for part in (status, delivery.text) if part)

    @display("Next try")
    def next_try(self, delivery: WebhookDelivery) -> str:
        is_waiting = delivery.status == DeliveryStatus.PENDING
        return wording.moment(delivery.due_at) if is_waiting else ""

    @display("Masked body")
    def masked_body(self, delivery: WebhookDelivery) -> str:
        body = json.dumps(masked(delivery.body), indent=2, ensure_ascii=False)
        return wording.folded("Show", body)

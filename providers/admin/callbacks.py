"""What the providers told us: each request as it came, masked, and what it came to."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from consents import identifiers
from consents.admin import search, wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log
from consents.admin.forms import NothingForm
from consents.admin.tables import ReadOnlyAdmin, asked_for, may
from consents.admin.theme import action, display
from consents.models import ChannelIdentity
from providers import hearing
from providers.admin.forms import kind_name
from providers.models import ProviderCallback
from providers.outcomes import CallbackStatus
from providers.redaction import HIDDEN, Mask

APPLIED_AT_ONCE = 200
KEPT_NO_MORE = "Kept no more."
SHOWN_MAX = 8000
STATUSES = {
    CallbackStatus.STORED: "Waiting",
    CallbackStatus.APPLIED: "Applied",
    CallbackStatus.IGNORED: "Nothing to do",
    CallbackStatus.UNREADABLE: "Not understood",
    CallbackStatus.FAILED: "Failed",
}
_LABELS = {
    STATUSES[CallbackStatus.STORED]: "info",
    STATUSES[CallbackStatus.APPLIED]: "success",
    STATUSES[CallbackStatus.UNREADABLE]: "danger",
    STATUSES[CallbackStatus.FAILED]: "danger",
}
# What a person wrote or is called, by the names that the providers give it.
PERSONAL = {"text", "body", "caption", "title", "payload", "postback_data", "raw_message"} | {
    "name",
    "from_name",
    "description",
    "details",
    "status_remark",
    "emoji",
    "address",
    "latitude",
    "longitude",
    "url",
}
ADDRESSES = {"identity", "from", "recipient", "wa_id", "user_id", "contact_id", "identification"}


class CallbackStatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, word) for status, word in STATUSES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(ProviderCallback)
class ProviderCallbackAdmin(ReadOnlyAdmin):
    list_display = ("received", "account", "status_shown", "outcome_shown", "people")
    list_filter = (CallbackStatusFilter, "account")
    search_fields = ("identities",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    list_select_related = ("account",)
    ordering = ("-seq",)
    actions = ("apply_selected",)
    actions_detail = ("apply_again",)
    fields = (
        "account",
        "provider",
        "received",
        "status_shown",
        "outcome_shown",
        "applied",
        "attempts",
        "people",
        "headers_shown",
        "body_shown",
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProviderCallback]:
        """Lists leave the bodies where they are."""
        rows: QuerySet[ProviderCallback] = super().get_queryset(request)
        return rows.defer("body", "headers")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ProviderCallback], search_term: str
    ) -> tuple[QuerySet[ProviderCallback], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(identities__overlap=search.identities_of(search_term)), False

    def has_apply_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "providers.change_providercallback")

    @admin.action(description="Apply again", permissions=["apply"])
    def apply_selected(self, request: HttpRequest, callbacks: QuerySet[ProviderCallback]) -> None:
        """Oldest first, as they came."""
        chosen = list(callbacks.order_by("seq")[:APPLIED_AT_ONCE])
        for callback in chosen:
            _apply(request, callback)
        messages.success(request, f"Applied again: {len(chosen)}.")

    @action("Apply again…", permissions=["apply"], icon="refresh")
    def apply_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        callback = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            applied = _apply(request, callback)
            return f"{STATUSES[CallbackStatus(applied.status)]}: {applied.outcome}"

        question = Question(
            title="Apply again",
            explanation="It takes effect as if it had just come, at the time it was said. "
            "Messages that are known already do nothing.",
            button="Apply it again",
            back=reverse("admin:providers_providercallback_change", args=[callback.pk]),
        )
        return ask(request, self, question, NothingForm, carry_out)

    @display("Received")
    def received(self, callback: ProviderCallback) -> str:
        return f"{callback.received_at:%Y-%m-%d %H:%M:%S} UTC"

    @display("Applied")
    def applied(self, callback: ProviderCallback) -> str:
        return wording.moment(callback.applied_at) if callback.applied_at else ""

    @display("Provider")
    def provider(self, callback: ProviderCallback) -> str:
        return kind_name(callback.account.kind)

    @display("Status", label=_LABELS)
    def status_shown(self, callback: ProviderCallback) -> str:
        return STATUSES[CallbackStatus(callback.status)]

    @display("What it came to")
    def outcome_shown(self, callback: ProviderCallback) -> str:
        return callback.outcome

    @display("About")
    def people(self, callback: ProviderCallback) -> str:
        found = ChannelIdentity.objects.filter(id__in=callback.identities[:5])
        return ", ".join(wording.named(one) for one in found)

    @display("Headers kept")
    def headers_shown(self, callback: ProviderCallback) -> str:
        return "\n".join(f"{name}: {value}" for name, value in sorted(callback.headers.items()))

    @display("Body, masked")
    def body_shown(self, callback: ProviderCallback) -> str:
        return masked(bytes(callback.body))


def masked(body: bytes) -> str:
    """The shape of a body: no number whole, and nothing that a person wrote or is called."""
    if not body:
        return KEPT_NO_MORE
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return f"{len(body)} bytes that are no JSON"
    try:
        text = json.dumps(_hidden(content), indent=2, ensure_ascii=False)
    except RecursionError:
        return f"{len(body)} bytes, nested too deep"
    return Mask().apply(text, limit=SHOWN_MAX)


def _hidden(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _hidden(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_hidden(part, key) for part in value]
    if not isinstance(value, str) or not value:
        return value
    if key in ADDRESSES:
        return identifiers.masked(value)
    return HIDDEN if key in PERSONAL else value


def _apply(request: HttpRequest, callback: ProviderCallback) -> ProviderCallback:
    applied = hearing.apply_again(callback)
    log(request, callback, "Applied again.")
    return applied

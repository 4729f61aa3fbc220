"""What the accounts are owed, what became of it, and every call that was made."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from consents import ledger
from consents.admin import search, wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log
from consents.admin.filters import ContactFilter
from consents.admin.forms import NothingForm
from consents.admin.tables import ReadOnlyAdmin, asked_for, may
from consents.admin.theme import TabularInline, action, display
from providers import outbox
from providers.admin import calls
from providers.admin.forms import kind_name
from providers.models import ProviderSync, SyncAttempt
from providers.outcomes import FailedReason, Status

RETRIED_AT_ONCE = 200
STATUSES = {
    Status.PENDING: "Waiting",
    Status.SENDING: "Being sent",
    Status.AWAITING_RESULT: "Awaiting result",
    Status.SUCCEEDED: "Done",
    Status.FAILED: "Failed",
    Status.SUPERSEDED: "Replaced by a newer change",
}
REASONS = {
    FailedReason.REJECTED: "The provider rejected it",
    FailedReason.UNSUPPORTED: "The provider cannot hold this",
    FailedReason.WITHDRAWN: "The provider has withdrawn this service",
    FailedReason.NO_RESULT: "The provider never reported a result",
    FailedReason.GAVE_UP: "Tried often enough without success",
}
_LABELS = {
    STATUSES[Status.SUCCEEDED]: "success",
    STATUSES[Status.FAILED]: "danger",
    STATUSES[Status.PENDING]: "warning",
    STATUSES[Status.SENDING]: "info",
    STATUSES[Status.AWAITING_RESULT]: "info",
}


class AttemptInline(TabularInline[SyncAttempt, ProviderSync]):
    """The calls, as they were masked when they were written down."""

    model = SyncAttempt
    verbose_name_plural = "Calls made"
    fields = ("when", "answer", "result", "said", "exchange")
    readonly_fields = fields
    per_page = 20
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may(request, "providers.view_providersync") or may_retry(request)

    @display("When")
    def when(self, attempt: SyncAttempt) -> str:
        return calls.when(attempt)

    @display("Answer")
    def answer(self, attempt: SyncAttempt) -> str:
        return calls.answer(attempt)

    @display("The provider said")
    def said(self, attempt: SyncAttempt) -> str:
        return calls.said(attempt)

    @display("Masked exchange")
    def exchange(self, attempt: SyncAttempt) -> str:
        return calls.exchange(attempt)


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, words) for status, words in STATUSES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status=self.value()) if self.value() else queryset


class ReasonFilter(admin.SimpleListFilter):
    title = "why it failed"
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(reason.value, words) for reason, words in REASONS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


@admin.register(ProviderSync)
class ProviderSyncAdmin(ReadOnlyAdmin):
    list_display = (
        "created",
        "identity_shown",
        "change",
        "account",
        "status_shown",
        "reason_shown",
        "said",
        "attempts",
        "next_try",
    )
    list_filter = (StatusFilter, ReasonFilter, "account", "kind", ContactFilter)
    search_fields = ("identity",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    list_select_related = ("identity", "account")
    ordering = ("-seq",)
    actions = ("retry_selected",)
    actions_detail = ("retry",)
    inlines = (AttemptInline,)
    fields = (
        "change",
        "identity_shown",
        "contact",
        "account",
        "provider",
        "status_shown",
        "reason_shown",
        "said",
        "attempts",
        "next_try",
        "created",
        "ended",
        "caused_by",
    )
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ProviderSync], search_term: str
    ) -> tuple[QuerySet[ProviderSync], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(identity__in=search.identities_of(search_term)), False

    def has_retry_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may_retry(request)

    @admin.action(description="Tell the provider again", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, syncs: QuerySet[ProviderSync]) -> None:
        """Each on its own: locks are held for one person at a time."""
        chosen = list(syncs[:RETRIED_AT_ONCE])
        for sync in chosen:
            _retry(request, sync)
        messages.success(request, f"To be sent again: {len(chosen)}.")

    @action("Tell the provider again…", permissions=["retry"], icon="refresh")
    def retry(self, request: HttpRequest, object_id: str) -> HttpResponse:
        sync = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            _retry(request, sync)
            return "It will be sent again at once."

        question = Question(
            title="Tell the provider again",
            explanation=f"{sync.account} will be told what holds for "
            f"{wording.named(sync.identity)} now, which may be something else than this row says.",
            button="Tell it again",
            back=reverse("admin:providers_providersync_changelist"),
        )
        return ask(request, self, question, NothingForm, carry_out)

    @display("Since")
    def created(self, sync: ProviderSync) -> str:
        return wording.moment(sync.created_at)

    @display("Ended")
    def ended(self, sync: ProviderSync) -> str:
        return wording.moment(sync.ended_at) if sync.ended_at else ""

    @display("Address")
    def identity_shown(self, sync: ProviderSync) -> str:
        return wording.named(sync.identity)

    @display("To be told")
    def change(self, sync: ProviderSync) -> str:
        return "Opt-in" if sync.kind == "opt_in" else "Opt-out"

    @display("Provider")
    def provider(self, sync: ProviderSync) -> str:
        return kind_name(sync.account.kind)

    @display("Status", label=_LABELS)
    def status_shown(self, sync: ProviderSync) -> str:
        return STATUSES[Status(sync.status)]

    @display("Why it failed")
    def reason_shown(self, sync: ProviderSync) -> str:
        return REASONS[FailedReason(sync.reason)] if sync.reason else ""

    @display("The provider said")
    def said(self, sync: ProviderSync) -> str:
        return calls.said(sync)

    @display("Next try")
    def next_try(self, sync: ProviderSync) -> str:
        return wording.moment(sync.due_at) if sync.status == Status.PENDING else ""

    @display("Contact")
    def contact(self, sync: ProviderSync) -> str:
        contact = sync.identity.contact
        return wording.link("admin:consents_contact_change", contact, wording.person(contact))

    @display("Caused by")
    def caused_by(self, sync: ProviderSync) -> str:
        if sync.event is None:
            return ""
        return wording.link(
            "admin:consents_consentevent_change", sync.event, wording.event(sync.event)
        )


def may_retry(request: HttpRequest) -> bool:
    return may(request, "providers.change_providersync")


def _retry(request: HttpRequest, sync: ProviderSync) -> None:
    ledger.once_more_on_deadlock(lambda: outbox.retry(sync))
    log(request, sync, "Told the provider again.")

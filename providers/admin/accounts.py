"""The accounts: configured here, and held or released when something is wrong at a provider."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log
from consents.admin.forms import NothingForm
from consents.admin.tables import asked_for
from consents.admin.theme import ModelAdmin, action, display
from consents.counting import noun
from consents.dashboard import bounded, in_words
from consents.errors import ConsentError
from consents.models import Sender
from providers import accounts, drift, registry, traffic
from providers.admin import calls
from providers.admin.forms import PREFIX, form_of, kind_name
from providers.contract import Fault
from providers.errors import AccountError
from providers.models import ProviderAccount, ProviderSync
from providers.outcomes import Status

FAULTS = {
    Fault.CREDENTIALS: "The provider does not accept the credentials",
    Fault.RATE_LIMITED: "The provider asks for fewer calls",
    Fault.UNAVAILABLE: "The provider is out of order",
    Fault.TIMEOUT: "The provider does not answer in time",
    Fault.REFUSING: "The provider refuses everything alike",
}
TRIED_SECONDS = 15.0
_DOING = ("status", "traffic", "trouble", "paused", "last_success", "owed")
_SPANS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1)}
_CHOSEN = ("name", "base_url", "external_id", "settings", "is_enabled")


class KindFilter(admin.SimpleListFilter):
    title = "provider"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind_name(kind)) for kind in registry.kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ModelAdmin[ProviderAccount]):
    list_display = ("name", "provider", "sender", "status", "trouble", "last_success")
    list_filter = (KindFilter, "sender", "is_enabled", "is_held")
    list_select_related = ("sender",)
    search_fields = ("name", "external_id")
    actions_detail = ("try_out", "hold", "release", "compare")
    change_form_outer_after_template = "admin/providers/provideraccount/calls.html"

    def get_form(
        self,
        request: HttpRequest,
        obj: ProviderAccount | None = None,
        change: bool = False,
        **kw: Any,
    ) -> type[Any]:
        return super().get_form(request, obj, change, form=form_of(_kind(request, obj)), **kw)

    def get_fieldsets(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        credentials = [PREFIX + name for name in form_of(_kind(request, obj)).names]
        if not self.has_change_permission(request, obj) and obj is not None:
            credentials = []
        first = ["provider", "sender", *(name for name in _CHOSEN if name != "settings")]
        return (
            *([("How it is doing", {"fields": _DOING})] if obj else []),
            (None, {"fields": [*first, *([] if obj else ["is_baseline"]), "settings"]}),
            *([("Credentials", {"fields": credentials})] if credentials else []),
        )

    def get_readonly_fields(
        self, request: HttpRequest, obj: ProviderAccount | None = None
    ) -> tuple[str, ...]:
        shown = ("provider", *_DOING)
        return (*shown, "sender") if obj else shown

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """First which provider, then its form: each asks for other credentials."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("kind") in registry.kinds():
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Which provider?",
            "kinds": [(kind, kind_name(kind)) for kind in registry.kinds()],
        }
        return TemplateResponse(request, "admin/providers/provideraccount/choose.html", context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        senders = Sender.objects.all()[:2]
        return {"sender": senders[0].pk} if len(senders) == 1 else {}

    def save_model(
        self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool
    ) -> None:
        obj.credentials = form.cleaned_data["credentials"]
        accounts.save(obj, is_baseline=form.cleaned_data.get("is_baseline", False))
        for doubt in form.doubts:
            messages.warning(request, doubt)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the newest calls, for who may see what the account is owed."""
        shown = {"calls": calls.newest(object_id) if calls.may_see(request) else ()}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})

    # --- holding

    def has_hold_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_change_permission(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        account = self.get_object(request, str(object_id))
        offered = ["_try_out", "_release" if account is not None and account.is_held else "_hold"]
        if account is not None and registry.reader(account.kind):
            offered.append("_compare")
        allowed = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [one for one in allowed if one.action_name.endswith(tuple(offered))]

    @action("Test connection…", permissions=["hold"], icon="network_check")
    def try_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            said = _tried_out(account)
            log(request, account, "Connection tested.")
            return said

        question = Question(
            title=f"Test the connection to {account}",
            explanation="The provider is asked something that changes nothing there, with the "
            "credentials kept here.",
            button="Test the connection",
            back=reverse("admin:providers_provideraccount_change", args=[account.pk]),
        )
        return ask(request, self, question, NothingForm, carry_out)

    @action("Hold…", permissions=["hold"], icon="pause")
    def hold(self, request: HttpRequest, object_id: str) -> HttpResponse:
        explanation = "Nothing is sent to this account until it is released. What it is owed waits."
        return self._set_held(request, object_id, True, "Hold", explanation)

    @action("Release…", permissions=["hold"], icon="play_arrow")
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        explanation = "What has waited for this account is sent now."
        return self._set_held(request, object_id, False, "Release", explanation)

    @action("Compare…", permissions=["hold"], icon="compare_arrows")
    def compare(self, request: HttpRequest, object_id: str) -> HttpResponse:
        account = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            return _compared(account)

        question = Question(
            title=f"Compare {account}",
            explanation="The provider's own lists are read and compared with the ledger. Nothing "
            "is changed; every difference is listed for somebody to decide.",
            button="Compare with the ledger",
            back=reverse("admin:providers_drift_changelist") + "?decided=no",
        )
        return ask(request, self, question, NothingForm, carry_out)

    def _set_held(
        self, request: HttpRequest, object_id: str, is_held: bool, verb: str, explanation: str
    ) -> HttpResponse:
        account = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            with transaction.atomic():
                ProviderAccount.objects.filter(pk=account.pk).update(is_held=is_held)
                log(request, account, f"{verb}.")
            return "The account is held." if is_held else "The account is released."

        question = Question(
            title=f"{verb} {account}",
            explanation=explanation,
            button=f"{verb} the account",
            back=reverse("admin:providers_provideraccount_change", args=[account.pk]),
        )
        return ask(request, self, question, NothingForm, carry_out)

    # --- what the pages show

    @display("Provider")
    def provider(self, account: ProviderAccount) -> str:
        return kind_name(account.kind)

    @display(
        "Status",
        label={"Working": "success", "Paused": "danger", "Held": "warning", "Switched off": ""},
    )
    def status(self, account: ProviderAccount) -> str:
        if not account.is_enabled:
            return "Switched off"
        if account.is_held:
            return "Held"
        return "Paused" if account.pauses else "Working"

    @display("Traffic")
    def traffic(self, account: ProviderAccount) -> str:
        found = traffic.within(account.pk, timezone.now(), *_SPANS.values())
        return wording.joined(map(calls.in_words, _SPANS, found))

    @display("Trouble")
    def trouble(self, account: ProviderAccount) -> str:
        if not account.fault and account.withdrawn_at:
            since = wording.moment(account.withdrawn_at)
            return f"The provider takes no registrations since {since}: opt-outs go another way"
        if not account.fault:
            return ""
        since = f" since {wording.moment(account.paused_since)}" if account.paused_since else ""
        said = " ".join(part for part in (account.fault_code, account.fault_text) if part)
        return f"{FAULTS[Fault(account.fault)]}{since}: {said}"

    @display("Paused until")
    def paused(self, account: ProviderAccount) -> str:
        if account.paused_until is None:
            return ""
        return f"{wording.moment(account.paused_until)}, then one change goes alone as a probe"

    @display("Owed")
    def owed(self, account: ProviderAccount) -> str:
        rows = ProviderSync.objects.filter(account=account)
        waiting = bounded(rows.filter(status=Status.PENDING.value))
        failed = bounded(rows.filter(status=Status.FAILED.value))
        wait = noun(waiting, "change waits", "changes wait")
        return f"{in_words(waiting)} {wait}, {in_words(failed)} failed"

    @display("Last success")
    def last_success(self, account: ProviderAccount) -> str:
        return wording.moment(account.last_success_at) if account.last_success_at else "Never"


def _tried_out(account: ProviderAccount) -> str:
    try:
        is_known = registry.adapter(account.kind).try_out(account.plain, seconds=TRIED_SECONDS)
    except AccountError as error:
        raise ConsentError("not_answered", f"It does not work: {error}") from None
    if not is_known:
        return "No harmless question to this provider is known: the next change will show."
    return "The provider takes the credentials."


def _compared(account: ProviderAccount) -> str:
    try:
        found = drift.compare(account)
    except AccountError as error:
        raise ConsentError("not_answered", f"The provider did not answer: {error}") from None
    if not found:
        return "The provider's lists agree with the ledger."
    return f"Differences: {len(found)}. Each waits for somebody to decide."


def _kind(request: HttpRequest, obj: ProviderAccount | None) -> str:
    return obj.kind if obj else request.GET.get("kind", "")

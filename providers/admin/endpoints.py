"""Subscribers: their endpoints made, tried out, resumed, and told again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold import widgets

from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log
from consents.admin.forms import NothingForm
from consents.admin.tables import asked_for
from consents.admin.theme import ModelAdmin, action, display
from consents.errors import ConsentError
from consents.models import Sender
from providers import subscribers
from providers.models import WebhookEndpoint
from providers.outcomes import SUBSCRIBABLE

if TYPE_CHECKING:
    EndpointModelForm = forms.ModelForm[WebhookEndpoint]
else:
    EndpointModelForm = forms.ModelForm

TRIGGERS = {
    "CONSENT_CHANGED": "Somebody's consent has changed",
    "OPT_IN": "What became of an opt-in at the providers",
    "OPT_OUT": "What became of an opt-out at the providers",
    "WINDOW_OPENED": "A customer window has opened",
    "WINDOW_CLOSED": "A customer window has closed",
    "CONSENT_EXPIRING": "An opt-in will soon have run out",
    "SYNC_FAILED": "A provider could not be told",
    "LEDGER_SEALED": "The ledger was sealed",
}


class EndpointForm(EndpointModelForm):
    url = forms.CharField(
        label="URL",
        max_length=742,
        help_text="Where the subscriber listens, on the public internet: https://…",
        widget=widgets.UnfoldAdminTextInputWidget(),
    )
    triggers = forms.MultipleChoiceField(
        choices=[(one.value, TRIGGERS[one.value]) for one in SUBSCRIBABLE],
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
    )

    class Meta:
        model = WebhookEndpoint
        fields = ("sender", "url", "triggers", "signature", "is_active")

    def clean_url(self) -> str:
        try:
            return subscribers.checked_url(self.cleaned_data["url"])
        except ConsentError as error:
            raise forms.ValidationError(error.message) from None

    def _get_validation_exclusions(self) -> set[str]:
        """The URL is judged above: names without a dot are right where private ones are."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return excluded | {"url"}


class SinceForm(forms.Form):
    since = forms.SplitDateTimeField(
        label="Since (UTC)", widget=widgets.UnfoldAdminSplitDateTimeWidget()
    )


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ModelAdmin[WebhookEndpoint]):
    form = EndpointForm
    list_display = ("url", "sender", "status", "hears", "signature", "last_success")
    list_filter = ("sender", "is_active")
    list_select_related = ("sender",)
    search_fields = ("url",)
    actions_detail = ("try_out", "resume", "redeliver", "replace_secret")

    def get_fields(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> tuple[str, ...]:
        known = ("is_active", "status", "trouble", "last_success") if obj else ()
        return ("sender", "url", "triggers", "signature", *known)

    def get_readonly_fields(
        self, request: HttpRequest, obj: WebhookEndpoint | None = None
    ) -> tuple[str, ...]:
        shown = ("status", "trouble", "last_success")
        return (*shown, "sender") if obj else shown

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        senders = Sender.objects.all()[:2]
        return {"sender": senders[0].pk} if len(senders) == 1 else {}

    def save_model(
        self, request: HttpRequest, obj: WebhookEndpoint, form: Any, change: bool
    ) -> None:
        chosen = {name: form.cleaned_data[name] for name in ("url", "triggers", "signature")}
        if change:
            was_active = WebhookEndpoint.objects.get(pk=obj.pk).is_active
            is_active = form.cleaned_data["is_active"]
            switched = is_active if is_active != was_active else None
            subscribers.change(obj, **chosen, is_active=switched)
            return
        made, secret = subscribers.create(obj.sender, **chosen)
        obj.pk, obj.secret = made.pk, made.secret
        request.secret_shown_once = secret  # type: ignore[attr-defined]

    def response_add(
        self, request: HttpRequest, obj: WebhookEndpoint, post_url_continue: str | None = None
    ) -> HttpResponse:
        secret = request.secret_shown_once  # type: ignore[attr-defined]
        return self._secret_page(request, obj, secret)

    def delete_model(self, request: HttpRequest, obj: WebhookEndpoint) -> None:
        subscribers.delete(obj)

    # --- what can be done with one

    def has_operate_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_change_permission(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        endpoint = self.get_object(request, str(object_id))
        is_working = endpoint is not None and endpoint.is_active and not endpoint.paused_at
        hidden = "_resume" if is_working else "_try_out"
        allowed = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return [one for one in allowed if not one.action_name.endswith(hidden)]

    @action("Send a test…", permissions=["operate"], icon="send")
    def try_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def carry_out(endpoint: WebhookEndpoint, data: dict[str, Any]) -> str:
            subscribers.test(endpoint)
            return "The test is on its way; the list of deliveries shows what becomes of it."

        return self._ask(
            request,
            object_id,
            ("Send a test", "The subscriber is sent a notification that means nothing."),
            carry_out,
        )

    @action("Resume…", permissions=["operate"], icon="play_arrow")
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def carry_out(endpoint: WebhookEndpoint, data: dict[str, Any]) -> str:
            subscribers.change(endpoint, is_active=True)
            return "The endpoint is told again what happens, and what has waited."

        return self._ask(
            request,
            object_id,
            ("Resume", "What has waited is delivered now, beginning with one notification."),
            carry_out,
        )

    @action("Deliver again…", permissions=["operate"], icon="replay")
    def redeliver(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def carry_out(endpoint: WebhookEndpoint, data: dict[str, Any]) -> str:
            return f"To be delivered again: {subscribers.redeliver_since(endpoint, data['since'])}."

        explanation = "Everything since that time is delivered again, under the same ids."
        return self._ask(
            request, object_id, ("Deliver again", explanation), carry_out, form=SinceForm
        )

    @action("Replace the secret…", permissions=["operate"], icon="key")
    def replace_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        endpoint = asked_for(self, request, object_id)
        if request.method == "POST":
            secret = subscribers.rotate(endpoint)
            log(request, endpoint, "Replaced the secret.")
            return self._secret_page(request, endpoint, secret)
        explanation = "For a day the former secret signs too, where the style can carry two."
        return self._ask(
            request, object_id, ("Replace the secret", explanation), lambda endpoint, data: ""
        )

    def _ask(
        self,
        request: HttpRequest,
        object_id: str,
        words: tuple[str, str],
        carry_out: Any,
        form: type[forms.Form] = NothingForm,
    ) -> HttpResponse:
        endpoint = asked_for(self, request, object_id)

        def logged(data: dict[str, Any]) -> str:
            said: str = carry_out(endpoint, data)
            log(request, endpoint, f"{words[0]}.")
            return said

        question = Question(
            title=f"{words[0]}: {endpoint}",
            explanation=words[1],
            button=words[0],
            back=reverse("admin:providers_webhookendpoint_change", args=[endpoint.pk]),
        )
        return ask(request, self, question, form, logged)

    def _secret_page(
        self, request: HttpRequest, endpoint: WebhookEndpoint, secret: str
    ) -> HttpResponse:
        """Never in a message or a redirect, where it would be stored."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Copy the secret now",
            "secret": secret,
            "original": endpoint,
        }
        page = TemplateResponse(request, "admin/providers/webhookendpoint/secret.html", context)
        page["Cache-Control"] = "no-store"
        return page

    # --- what the pages show

    @display("Status", label={"Working": "success", "Failing": "warning", "Paused": "danger"})
    def status(self, endpoint: WebhookEndpoint) -> str:
        if not endpoint.is_active:
            return "Switched off"
        if endpoint.paused_at:
            return "Paused"
        return "Failing" if endpoint.failing_since else "Working"

    @display("Trouble")
    def trouble(self, endpoint: WebhookEndpoint) -> str:
        since = endpoint.failing_since
        failing = f"Nothing has got through since {wording.moment(since)}." if since else ""
        return " ".join(part for part in (endpoint.pause_reason, failing) if part)

    @display("Hears of")
    def hears(self, endpoint: WebhookEndpoint) -> str:
        return ", ".join(endpoint.triggers)

    @display("Last success")
    def last_success(self, endpoint: WebhookEndpoint) -> str:
        return wording.moment(endpoint.last_success_at) if endpoint.last_success_at else "Never"

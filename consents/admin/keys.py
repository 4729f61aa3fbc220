"""Keys of the API: shown once when made, revoked for good."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log
from consents.admin.forms import ApiKeyForm, NothingForm
from consents.admin.tables import asked_for
from consents.admin.theme import ModelAdmin, action, display
from consents.models import ApiKey


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin[ApiKey]):
    form = ApiKeyForm
    list_display = ("name", "prefix", "may_do", "for_senders", "status", "last_used_at")
    list_filter = ("senders",)
    search_fields = ("name", "prefix")
    fields = ("name", "scopes", "senders", "expires_at", "rate")
    actions = ("revoke_selected",)
    actions_detail = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiKey]:
        return super().get_queryset(request).prefetch_related("senders")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        known = ("prefix", "status", "created_at", "last_used_at") if obj else ()
        return (*self.fields, *known)

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApiKey | None = None
    ) -> tuple[str, ...]:
        return ("prefix", "status", "created_at", "last_used_at")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: the ledger names keys as the ones who wrote. A key is revoked."""
        return False

    def has_revoke_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_change_permission(request)

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if not change:
            issued, text = ApiKey.issue(obj.name, obj.scopes)
            obj.prefix, obj.digest = issued.prefix, issued.digest
            request.key_shown_once = text  # type: ignore[attr-defined]
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: ApiKey, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The page with the key: never in a message or a redirect, where it would be stored."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Copy the new key now",
            "key": request.key_shown_once,  # type: ignore[attr-defined]
            "original": obj,
        }
        page = TemplateResponse(request, "admin/consents/apikey/issued.html", context)
        page["Cache-Control"] = "no-store"
        return page

    @admin.action(description="Revoke the keys selected", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        revoked = [_revoke(request, key) for key in keys]
        messages.success(request, f"Keys revoked: {sum(revoked)}.")

    @action("Revoke…", permissions=["revoke"], icon="key_off")
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            return "The key is revoked." if _revoke(request, key) else "It was revoked already."

        question = Question(
            title=f"Revoke {key}",
            explanation="Programs that use this key will be turned away from now on. "
            "A revoked key cannot be used again.",
            button="Revoke the key",
            back=reverse("admin:consents_apikey_change", args=[key.pk]),
            is_dangerous=True,
        )
        return ask(request, self, question, NothingForm, carry_out)

    @display("Status", label={"Active": "success", "Revoked": "danger"})
    def status(self, key: ApiKey) -> str:
        if key.revoked_at:
            return "Revoked"
        return "Active" if key.is_valid(timezone.now()) else "Expired"

    @display("May")
    def may_do(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @display("For")
    def for_senders(self, key: ApiKey) -> str:
        return ", ".join(str(sender) for sender in key.senders.all()) or "no sender"


@transaction.atomic
def _revoke(request: HttpRequest, key: ApiKey) -> bool:
    now = timezone.now()
    if not ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=now):
        return False
    log(request, key, f"Revoked on {wording.moment(now)}.")
    return True

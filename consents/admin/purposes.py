"""What messages are for, in whose name they go, and the words that stop and start them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from consents import inbound
from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.purpose_forms import MessageForm, PurposeForm, SenderForm
from consents.admin.theme import ModelAdmin, action, display
from consents.keywords import MatchKind
from consents.models import Consent, Keyword, Purpose, Sender
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Category

BUILT_IN = frozenset({ROOT_PURPOSE, *(category.value for category in Category)})
_MEANINGS = {
    MatchKind.STOP: "An opt-out of {about}",
    MatchKind.START: "An opt-in to {about}",
    MatchKind.CONFIRM: "A yes to the opt-in that waits for their confirmation, where one does",
    MatchKind.WATCH: "Marketing is put on hold until somebody decides what they meant",
}
RECEIPT_FIELDS = (
    *("legal_name", "postal_address", "contact_details", "jurisdiction", "privacy_notice"),
    *("privacy_rights", "withdrawal_method", "storage_locations", "recipients"),
)
_RULES = frozenset({"parent", "requires_own_consent", "validity_days"})


@admin.register(Purpose)
class PurposeAdmin(ModelAdmin[Purpose]):
    form = PurposeForm
    list_display = ("name", "key", "place", "allowed_in_window", "requires_own_consent")
    list_select_related = ("parent",)
    search_fields = ("name", "key")
    fields = (
        *("name", "key", "parent", "allowed_in_window", "requires_own_consent"),
        *("validity_days", "confirm_within_hours"),
        *("description", "retention", "required_evidence"),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Purpose | None = None) -> list[str]:
        """Programs name a purpose by its key; the root and the categories are what they are."""
        if obj is None:
            return []
        if obj.key == ROOT_PURPOSE:
            return ["key", "parent", "allowed_in_window", "requires_own_consent"]
        return ["key", "parent"] if obj.key in BUILT_IN else ["key"]

    def has_delete_permission(self, request: HttpRequest, obj: Purpose | None = None) -> bool:
        """One that somebody has said something of stays; nobody else's name may be taken away."""
        if obj is not None and (obj.key in BUILT_IN or Consent.objects.filter(purpose=obj)[:1]):
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One by one only, so that none of the built-in purposes goes with the others."""
        return {}

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "parent":
            kwargs["queryset"] = Purpose.objects.filter(key__in=[word.value for word in Category])
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Purpose, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and _RULES.intersection(form.changed_data):
            messages.info(request, "Who may be written to is being worked out again.")

    @display("Category", ordering="category")
    def place(self, purpose: Purpose) -> str:
        if purpose.key == ROOT_PURPOSE:
            return "Covers everything"
        return purpose.parent.name if purpose.parent and purpose.key not in BUILT_IN else "Category"


@admin.register(Keyword)
class KeywordAdmin(ModelAdmin[Keyword]):
    list_display = ("word", "language", "action", "watch", "is_active")
    list_filter = ("action", "watch", "is_active", "language")
    search_fields = ("word",)
    fields = ("word", "language", "action", "watch", "is_active")
    actions_list = ("try_message",)

    @action("Try a message…", permissions=["view"], icon="chat")
    def try_message(self, request: HttpRequest) -> HttpResponse:
        question = Question(
            title="Try a message",
            explanation="What would happen if somebody wrote this? Nothing is recorded.",
            button="Try it",
            back=reverse("admin:consents_keyword_try_message"),
        )
        return ask(
            request, self, question, MessageForm, lambda data: _what_it_does(data["message"])
        )


def _what_it_does(message: str) -> str:
    purposes = PurposeTree.load()
    match = inbound.the_matcher(purposes).match(message)
    if match is None:
        return "Nothing but the customer window: no keyword is in it."
    purpose = purposes.named(match.purpose or ROOT_PURPOSE)
    about = wording.for_purpose(purpose.key, purpose.name)
    return f"{_MEANINGS[match.kind].format(about=about)}, by the word “{match.keyword}”."


@admin.register(Sender)
class SenderAdmin(ModelAdmin[Sender]):
    form = SenderForm
    list_display = ("name", "key", "stop_scope", "created_at")
    search_fields = ("name", "key")
    fieldsets = (
        (None, {"fields": ("name", "key", "stop_scope")}),
        ("On receipts", {"fields": RECEIPT_FIELDS}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> list[str]:
        return ["key"] if obj else []

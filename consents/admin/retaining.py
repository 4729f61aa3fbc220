"""How long what is kept, and what a court has an interest in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget

from consents import legal_holds, retention
from consents.admin import timeline, wording
from consents.admin.asking import Question, add_error, ask
from consents.admin.audit import log, staff
from consents.admin.forms import NothingForm
from consents.admin.tables import asked_for, may
from consents.admin.theme import ModelAdmin, action, display
from consents.errors import ConsentError
from consents.models import LegalHold, RetentionRule

if TYPE_CHECKING:
    RuleModelForm = forms.ModelForm[RetentionRule]
    HoldModelForm = forms.ModelForm[LegalHold]
else:
    RuleModelForm = HoldModelForm = forms.ModelForm


class RetentionRuleForm(RuleModelForm):
    class Meta:
        model = RetentionRule
        fields = ("kind", "days")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            choices = [(kind.name, _described(kind)) for kind in retention.kinds()]
            widget = UnfoldAdminSelectWidget(choices=choices)
            self.fields["kind"] = forms.ChoiceField(choices=choices, widget=widget)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = cleaned.get("kind") or self.instance.kind
        try:
            retention.check(kind, cleaned.get("days"))
        except ConsentError as error:
            add_error(self, error)
        return cleaned


@admin.register(RetentionRule)
class RetentionRuleAdmin(ModelAdmin[RetentionRule]):
    """Rules that differ from what holds without one."""

    form = RetentionRuleForm
    list_display = ("described", "length")
    fields = ("kind", "days")

    def get_readonly_fields(
        self, request: HttpRequest, obj: RetentionRule | None = None
    ) -> list[str]:
        return ["kind"] if obj else []

    @display("What")
    def described(self, rule: RetentionRule) -> str:
        words = {kind.name: kind.words for kind in retention.kinds()}
        return words.get(rule.kind, rule.kind)

    @display("Kept for")
    def length(self, rule: RetentionRule) -> str:
        return _length(rule.days)


class LegalHoldForm(HoldModelForm):
    class Meta:
        model = LegalHold
        fields = ("sender", "contact", "reason")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        sender, contact = cleaned.get("sender"), cleaned.get("contact")
        if sender and contact and contact.sender_id != sender.pk:
            self.add_error("contact", "This contact is another sender's.")
        return cleaned


@admin.register(LegalHold)
class LegalHoldAdmin(ModelAdmin[LegalHold]):
    form = LegalHoldForm
    list_display = ("placed", "about", "reason", "placed_by_shown", "state")
    list_select_related = ("contact", "sender")
    list_filter = ("sender",)
    fields = ("sender", "contact", "reason")
    raw_id_fields = ("contact",)
    actions_detail = ("lift",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LegalHold]:
        return super().get_queryset(request).select_related("contact", "sender")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What was placed is not rewritten: it is lifted."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_lift_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.change_legalhold")

    def save_model(self, request: HttpRequest, obj: LegalHold, form: Any, change: bool) -> None:
        placed = legal_holds.place(obj.sender, obj.contact, reason=obj.reason, actor=staff(request))
        obj.pk, obj.placed_by, obj.placed_at = placed.pk, placed.placed_by, placed.placed_at

    @action("Lift…", permissions=["lift"], icon="lock_open")
    def lift(self, request: HttpRequest, object_id: str) -> HttpResponse:
        hold = asked_for(self, request, object_id)

        def carry_out(_: dict[str, Any]) -> str:
            legal_holds.lift(hold, actor=staff(request))
            log(request, hold, "Lifted.")
            return "Lifted."

        question = Question(
            title="Lift the legal hold",
            explanation="What is old enough is forgotten with the next sweep, and who asked to be "
            "erased can be.",
            button="Lift it",
            back=reverse("admin:consents_legalhold_change", args=[hold.pk]),
            is_dangerous=True,
        )
        return ask(request, self, question, NothingForm, carry_out)

    @display("Placed")
    def placed(self, hold: LegalHold) -> str:
        return wording.moment(hold.placed_at)

    @display("On")
    def about(self, hold: LegalHold) -> str:
        return wording.person(hold.contact) if hold.contact else f"Everybody of {hold.sender}"

    @display("By")
    def placed_by_shown(self, hold: LegalHold) -> str:
        return timeline.staff_names([hold.placed_by]).get(hold.placed_by, hold.placed_by)

    @display("State", label={"On": "warning", "Lifted": "info"})
    def state(self, hold: LegalHold) -> str:
        return "Lifted" if hold.lifted_at else "On"


def _described(kind: retention.Kind) -> str:
    return f"{kind.words} ({_length(kind.days)} without a rule)"


def _length(days: int | None) -> str:
    return f"{days} days" if days else "for good"

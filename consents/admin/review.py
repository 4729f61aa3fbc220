"""What somebody has to decide: unclear stops, and notices that would lift an opt-out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from consents import revocations
from consents.admin import deciding, search, timeline, wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.filters import ContactFilter
from consents.admin.forms import OptionalNoteForm
from consents.admin.review_filters import (
    QUESTIONS,
    DecidedFilter,
    KindFilter,
    OverdueFilter,
    OwnerFilter,
)
from consents.admin.review_forms import FoundForm, OptOutForm, OwnerForm
from consents.admin.revoking import RevocationPages, day
from consents.admin.tables import asked_for, may
from consents.admin.theme import action, display
from consents.errors import ConsentError
from consents.models import ReviewItem
from consents.vocabulary import ROOT_PURPOSE, Action, Channel, Outcome

LEFT_AS_IT_IS = "Nothing is changed."
_DECISIONS_OF = {
    Action.HELD.value: ("release", "record_opt_out"),
    revocations.KIND: ("found", "leave"),
}
# What one press decides: the question's form with nothing to fill in.
_AT_ONCE: dict[str, tuple[str, dict[str, str]]] = {
    "release": ("They meant no opt-out", {}),
    "record_opt_out": ("They opted out of everything", {"purpose": ROOT_PURPOSE}),
    "leave": ("Leave it as it is", {}),
}
DECISIONS = {
    "released": "No opt-out meant: hold released",
    "opt_out": "Opt-out recorded",
    "left": "Left as it is",
}


@admin.register(ReviewItem)
class ReviewItemAdmin(RevocationPages):
    list_display = ("question", "identity_shown", "asked", "due", "owner", "decided")
    list_filter = (DecidedFilter, OwnerFilter, OverdueFilter, KindFilter, ContactFilter, "sender")
    search_fields = ("identity",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    list_select_related = ("identity", "sender", "owner", "revocation")
    ordering = ("-id",)
    actions = ("assign_to_me",)
    actions_list = ("add_revocation",)
    actions_detail = ("release", "record_opt_out", "found", "leave", "assign")
    change_form_outer_before_template = "admin/consents/reviewitem/decide.html"
    fields = (
        "question",
        "contact",
        "identity_shown",
        "revocation_shown",
        "entry",
        "told_by",
        "keyword",
        "asked",
        "due",
        "owner",
        "decided",
        "decided_by_shown",
        "note",
    )
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ReviewItem], search_term: str
    ) -> tuple[QuerySet[ReviewItem], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(identity__in=search.identities_of(search_term)), False

    def get_fields(self, request: HttpRequest, obj: ReviewItem | None = None) -> Any:
        """Without what other kinds of questions have."""
        kind = obj.kind if obj else ""
        others = (
            {"revocation_shown"} if kind != revocations.KIND else {"keyword", "entry", "told_by"}
        )
        return [name for name in self.fields if name not in others]

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.change_reviewitem")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        item = self.get_object(request, str(object_id))
        if item is None or item.decided_at is not None:
            return []
        offered = {"assign", *_DECISIONS_OF.get(item.kind, ("leave",))}
        allowed = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in allowed if one.action_name.removeprefix(prefix) in offered]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the decisions that need no more than one press."""
        context = {**(extra_context or {}), "decisions": self._at_once(request, object_id)}
        return super().change_view(request, object_id, form_url, context)

    def _at_once(self, request: HttpRequest, object_id: str) -> list[dict[str, Any]]:
        offered = {one.action_name for one in self.get_actions_detail(request, object_id)}
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [
            {"url": reverse(f"admin:{prefix}{name}", args=[object_id]), "words": words, **fields}
            for name, (words, fields) in _AT_ONCE.items()
            if f"{prefix}{name}" in offered
        ]

    @action("Record who it was…", permissions=["opt_out"], icon="block")
    def found(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = {
            "title": "Record who it was",
            "explanation": "Their opt-out is recorded, for when they said it.",
            "button": "Record the opt-out",
        }
        return self._decide(request, object_id, question, FoundForm, _found)

    # --- owners

    @admin.action(description="Assign to me", permissions=["decide"])
    def assign_to_me(self, request: HttpRequest, items: QuerySet[ReviewItem]) -> None:
        for item in items:
            self._assign(request, item, request.user)

    @action("Assign…", permissions=["decide"], icon="person")
    def assign(self, request: HttpRequest, object_id: str) -> HttpResponse:
        item = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            self._assign(request, item, data["owner"])
            return f"Looked after by {data['owner'] or 'nobody'}."

        question = Question(
            title="Assign",
            explanation="Who looks after this question?",
            button="Assign",
            back=reverse("admin:consents_reviewitem_change", args=[item.pk]),
        )
        return ask(request, self, question, OwnerForm, carry_out)

    @transaction.atomic
    def _assign(self, request: HttpRequest, item: ReviewItem, owner: Any) -> None:
        ReviewItem.objects.filter(pk=item.pk).update(owner=owner)
        log(request, item, f"Assigned to {owner.get_username() if owner else 'nobody'}.")

    # --- decisions

    @action("They meant no opt-out…", permissions=["decide"], icon="play_arrow")
    def release(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = {
            "title": "Release the hold",
            "explanation": "Marketing may be sent to them again, where they opted in to it.",
            "button": "Release the hold",
        }
        return self._decide(request, object_id, question, OptionalNoteForm, deciding.release)

    @action("Record an opt-out…", permissions=["opt_out"], icon="block")
    def record_opt_out(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = {
            "title": "Record an opt-out",
            "explanation": "They meant to opt out: it is recorded now, and every provider told.",
            "button": "Record the opt-out",
        }
        return self._decide(request, object_id, question, OptOutForm, _opt_out)

    @action("Leave it as it is…", permissions=["decide"], icon="check")
    def leave(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = {
            "title": "Leave it as it is",
            "explanation": self._what_leaving_means(request, object_id),
            "button": "Leave it",
        }
        return self._decide(request, object_id, question, OptionalNoteForm, deciding.leave)

    def _what_leaving_means(self, request: HttpRequest, object_id: str) -> str:
        item = self.get_object(request, object_id)
        if item is None or item.kind != Outcome.WOULD_RESURRECT:
            return LEFT_AS_IT_IS
        return (
            "They stay opted out. To opt them in again, record their consent with an evidence "
            "note on their contact page."
        )

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        words: dict[str, str],
        form: type[Any],
        decide: Callable[..., None],
    ) -> HttpResponse:
        item = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            decide(item, actor=staff(request), **data)
            log(request, item, words["title"])
            return "Decided."

        back = reverse("admin:consents_reviewitem_change", args=[item.pk])
        return ask(request, self, Question(back=back, **words), form, carry_out)  # type: ignore[arg-type]

    @display("Question")
    def question(self, item: ReviewItem) -> str:
        return QUESTIONS.get(item.kind, item.kind.replace("_", " ").capitalize())

    @display("Address")
    def identity_shown(self, item: ReviewItem) -> str:
        return wording.named(item.identity) if item.identity else ""

    @display("Contact")
    def contact(self, item: ReviewItem) -> str:
        if item.identity is None:
            return ""
        contact = item.identity.contact
        return wording.link("admin:consents_contact_change", contact, wording.person(contact))

    @display("Entry in the ledger")
    def entry(self, item: ReviewItem) -> str:
        try:
            event = deciding.hold_of(item)
        except ConsentError:
            return ""
        return wording.link("admin:consents_consentevent_change", event, wording.event(event))

    @display("Where it was told")
    def told_by(self, item: ReviewItem) -> str:
        return format_html('<a href="{0}">Open</a>', item.subject_url) if item.subject_url else ""

    @display("Word they used")
    def keyword(self, item: ReviewItem) -> str:
        try:
            return str(deciding.hold_of(item).detail.evidence.get("keyword", ""))
        except ConsentError:
            return ""

    @display("Due", label={"overdue": "danger"})
    def due(self, item: ReviewItem) -> str | tuple[str, str]:
        if item.decided_at or item.due_at is None:
            return ""
        is_late = item.due_at < timezone.now()
        return ("overdue", f"Overdue since {day(item)}") if is_late else day(item)

    @display("Asked")
    def asked(self, item: ReviewItem) -> str:
        return wording.moment(item.created_at)

    @display("Decision")
    def decided(self, item: ReviewItem) -> str:
        if item.decided_at is None:
            return "Waiting"
        words = DECISIONS.get(item.decision, item.decision)
        return f"{words}, {wording.moment(item.decided_at)}"

    @display("Decided by")
    def decided_by_shown(self, item: ReviewItem) -> str:
        return timeline.staff_names([item.decided_by]).get(item.decided_by, item.decided_by)


def _opt_out(item: ReviewItem, *, actor: str, purpose: Any, note: str) -> None:
    deciding.opt_out(item, purpose=purpose.key, actor=actor, note=note)


def _found(item: ReviewItem, *, actor: str, person: str, channels: list[str], note: str) -> None:
    named = [Channel(name) for name in channels]
    revocations.settle(item, person=person, channels=named, actor=actor, note=note)

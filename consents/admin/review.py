"""What somebody has to decide: unclear stops, and notices that would lift an opt-out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from consents.admin import deciding, search, timeline, wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.filters import ContactFilter
from consents.admin.forms import OptionalNoteForm, OptOutForm
from consents.admin.tables import ReadOnlyAdmin, may
from consents.admin.theme import action, display
from consents.errors import ConsentError
from consents.models import ReviewItem
from consents.vocabulary import Action, Outcome

QUESTIONS = {
    Action.HELD.value: "Did they mean to opt out?",
    Outcome.WOULD_RESURRECT.value: "A provider says they opted in; they have opted out here",
    "contradicting_report": "A provider says they are not opted in; they are here",
    "unmatched_result": "A provider told of a change that could not be recorded",
    "same_person": "A provider calls these two contacts one person",
    "drift": "A provider's list differs from the ledger",
}
LEFT_AS_IT_IS = "Nothing is changed."
DECISIONS = {
    "released": "No opt-out meant: hold released",
    "opt_out": "Opt-out recorded",
    "left": "Left as it is",
}


class DecidedFilter(admin.SimpleListFilter):
    """`decided_at`: where that time stands, seen from the rows listed."""

    decided_at = "decided_at"
    title = "decided"
    parameter_name = "decided"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Waiting for a decision"), ("yes", "Decided")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("yes", "no"):
            return queryset.filter(**{f"{self.decided_at}__isnull": self.value() == "no"})
        return queryset


@admin.register(ReviewItem)
class ReviewItemAdmin(ReadOnlyAdmin):
    list_display = ("question", "identity_shown", "asked", "decided", "decided_by_shown")
    list_filter = (DecidedFilter, "kind", ContactFilter, "sender")
    search_fields = ("identity",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    list_select_related = ("identity", "sender")
    ordering = ("-id",)
    actions_detail = ("release", "record_opt_out", "leave")
    fields = (
        "question",
        "contact",
        "identity_shown",
        "entry",
        "told_by",
        "keyword",
        "asked",
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

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.change_reviewitem")

    def has_opt_out_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_decide_permission(request) and may(request, "consents.add_consentevent")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        item = self.get_object(request, str(object_id))
        if item is None or item.decided_at is not None:
            return []
        is_hold = item.kind == Action.HELD
        offered = {"release", "record_opt_out"} if is_hold else {"leave"}
        allowed = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        return [one for one in allowed if one.action_name.removeprefix(prefix) in offered]

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
        item = self.get_object(request, object_id)
        if item is None:
            raise Http404

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

"""Where a provider's lists and the ledger differ, each line with what puts it right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from consents.admin import search, wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.forms import NothingForm
from consents.admin.review_filters import DecidedFilter
from consents.admin.tables import ReadOnlyAdmin, asked_for, may
from consents.admin.theme import action, display
from providers import drift
from providers.models import Drift

DECISIONS = {
    drift.RECORDED: "Opt-out recorded",
    drift.TOLD: "Provider told again",
    drift.LEFT: "Left as it is",
}


class ReviewDecidedFilter(DecidedFilter):
    decided_at = "review__decided_at"


@admin.register(Drift)
class DriftAdmin(ReadOnlyAdmin):
    list_display = ("found", "account", "identity_shown", "difference", "decided")
    list_filter = (ReviewDecidedFilter, "account", "list_type", "listed")
    search_fields = ("identity",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    list_select_related = ("account", "identity", "review")
    ordering = ("-found_at", "-id")
    actions_detail = ("record", "tell_again")
    fields = ("account", "contact", "identity_shown", "difference", "found", "answered", "decided")
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Drift], search_term: str
    ) -> tuple[QuerySet[Drift], bool]:
        if not search_term.strip():
            return queryset, False
        return queryset.filter(identity__in=search.identities_of(search_term)), False

    def has_correct_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        needed = ("providers.change_drift", "consents.add_consentevent")
        return all(may(request, one) for one in needed)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        line = self.get_object(request, str(object_id))
        if line is None or line.review.decided_at is not None:
            return []
        allowed = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        hidden = "" if line.listed else "_record"
        return [one for one in allowed if not hidden or not one.action_name.endswith(hidden)]

    @action("Record the opt-out…", permissions=["correct"], icon="block")
    def record(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = {
            "title": "Record the opt-out",
            "explanation": "The provider's answer is kept as evidence, with the time it names.",
            "button": "Record the opt-out",
        }
        return self._decide(request, object_id, question, drift.record)

    @action("Tell the provider again…", permissions=["correct"], icon="refresh")
    def tell_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        question = {
            "title": "Tell the provider again",
            "explanation": "The provider is told what holds here now.",
            "button": "Tell it again",
        }
        return self._decide(request, object_id, question, drift.tell_again)

    def _decide(
        self,
        request: HttpRequest,
        object_id: str,
        words: dict[str, str],
        decide: Callable[..., str],
    ) -> HttpResponse:
        line = asked_for(self, request, object_id)

        def carry_out(data: dict[str, Any]) -> str:
            done = decide(line, actor=staff(request))
            log(request, line, words["title"])
            return done

        back = reverse("admin:providers_drift_change", args=[line.pk])
        return ask(request, self, Question(back=back, **words), NothingForm, carry_out)  # type: ignore[arg-type]

    @display("Found")
    def found(self, line: Drift) -> str:
        return wording.moment(line.found_at)

    @display("Address")
    def identity_shown(self, line: Drift) -> str:
        return wording.named(line.identity)

    @display("Contact")
    def contact(self, line: Drift) -> str:
        contact = line.identity.contact
        return wording.link("admin:consents_contact_change", contact, wording.person(contact))

    @display("Difference")
    def difference(self, line: Drift) -> str:
        if line.listed:
            return f"On the provider's list {line.list_type}, and not opted out here"
        return f"Opted out here, and missing on the provider's list {line.list_type}"

    @display("The provider's answer")
    def answered(self, line: Drift) -> str:
        return json.dumps(line.answer, indent=2)

    @display("Decision")
    def decided(self, line: Drift) -> str:
        if line.review.decided_at is None:
            return "Waiting"
        words = DECISIONS.get(line.review.decision, line.review.decision)
        return f"{words}, {wording.moment(line.review.decided_at)}"

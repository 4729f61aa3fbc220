"""What of the questions to list: the open ones, mine, those that are late."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from consents import revocations
from consents.admin.filters import Choices, ColumnFilter, Rows
from consents.vocabulary import Action, Outcome

QUESTIONS = {
    Action.HELD.value: "Did they mean to opt out?",
    revocations.KIND: "Who took their consent back?",
    Outcome.WOULD_RESURRECT.value: "A provider says they opted in; they have opted out here",
    "contradicting_report": "A provider says they are not opted in; they are here",
    "unmatched_result": "A provider told of a change that could not be recorded",
    "same_person": "A provider calls these two contacts one person",
    "drift": "A provider's list differs from the ledger",
}


class DecidedFilter(admin.SimpleListFilter):
    """`decided_at`: where that time stands, seen from the rows listed."""

    decided_at = "decided_at"
    title = "decided"
    parameter_name = "decided"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("no", "Waiting for a decision"), ("yes", "Decided")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("yes", "no"):
            return queryset.filter(**{f"{self.decided_at}__isnull": self.value() == "no"})
        return queryset


class KindFilter(ColumnFilter):
    title = "question"
    parameter_name = path = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return list(QUESTIONS.items())


class OwnerFilter(admin.SimpleListFilter):
    title = "whose it is"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("me", "Mine"), ("nobody", "Nobody's")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() == "me":
            return queryset.filter(owner=request.user.pk)
        return queryset.filter(owner=None) if self.value() == "nobody" else queryset


class OverdueFilter(admin.SimpleListFilter):
    title = "time"
    parameter_name = "overdue"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("yes", "Overdue")]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() == "yes":
            return queryset.filter(decided_at=None, due_at__lt=timezone.now())
        return queryset

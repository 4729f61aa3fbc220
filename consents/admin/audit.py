"""The trail of what staff do: who, when, from where, and whose file it was."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.auth.signals import user_logged_in
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from consents import callers
from consents.models import Contact, StaffAction
from consents.vocabulary import Deed


def log(
    request: HttpRequest, row: Model, text: str, deed: Deed = Deed.DONE, once: str | None = None
) -> None:
    """Write down what this member of staff did to the row, in words that name nobody."""
    StaffAction.objects.bulk_create([_action(request, row, text, deed, once)])


def opened(request: HttpRequest, contact: Contact) -> None:
    """They looked into somebody's file: written down once an hour, however often they look."""
    hour = f"{timezone.now():%Y-%m-%dT%H}"
    once = f"opened:{staff(request)}:{contact.pk}:{hour}"
    action = _action(request, contact, "", Deed.OPENED, once)
    StaffAction.objects.bulk_create([action], ignore_conflicts=True)


def staff(request: HttpRequest) -> str:
    """How the ledger names this member of staff."""
    return f"staff:{request.user.pk}"


def _action(
    request: HttpRequest, row: Model, text: str, deed: Deed, once: str | None = None
) -> StaffAction:
    return StaffAction(
        actor=staff(request),
        ip=callers.address(request),
        deed=deed.value,
        model=row._meta.label,
        object_id=str(row.pk),
        contact=_contact_of(row),
        text=text[:500],
        once=once,
    )


def _contact_of(row: Any) -> UUID | None:
    if isinstance(row, Contact):
        return row.pk
    identity = getattr(row, "identity", None)
    return getattr(identity, "contact_id", None)


class Audited(admin.ModelAdmin if TYPE_CHECKING else object):  # type: ignore[misc]
    """Puts what is done with the admin's own forms into the trail, and shows it as the history."""

    object_history_template = "admin/history.html"

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        log(request, obj, _in_words(message), Deed.ADDED)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        log(request, obj, _in_words(message), Deed.CHANGED)

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> None:
        for row in queryset:
            log(request, row, "", Deed.DELETED)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        label = self.model._meta.label
        done = StaffAction.objects.named().filter(model=label, object_id=object_id)
        paginator = self.get_paginator(request, done.exclude(deed=Deed.OPENED.value), 100)
        page = paginator.get_page(request.GET.get(PAGE_VAR, 1))
        context = {**(extra_context or {}), "done": page}
        shown: HttpResponse = super().history_view(request, object_id, context)
        return shown


def _in_words(message: str | list[Any]) -> str:
    """Django's account of a form, `Changed Name.`: which fields, not what was written in them."""
    text = message if isinstance(message, str) else json.dumps(message)
    return str(LogEntry(change_message=text).get_change_message())


def _logged_in(request: HttpRequest, user: Model, **_: Any) -> None:
    request.user = user  # type: ignore[assignment]
    log(request, user, "", Deed.LOGGED_IN)


user_logged_in.connect(_logged_in, dispatch_uid="consents.logged_in")

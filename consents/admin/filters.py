"""Filters in the words of the pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from consents import expiry
from consents.admin import wording
from consents.admin.forms import channel_choices
from consents.models import ChannelIdentity, Consent
from consents.vocabulary import CUSTOMER_WINDOW, Action, Channel, Outcome, State

Rows = QuerySet[Any]
Choices = list[tuple[str, str]]


class ContactFilter(admin.SimpleListFilter):
    """Shown only when a page linked here for one contact."""

    title = "contact"
    parameter_name = "contact"
    path = "identity__contact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        asked = request.GET.get(self.parameter_name)
        return [(asked, "This contact")] if asked else []

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        try:
            return queryset.filter(**{self.path: UUID(self.value() or "")})
        except ValueError:
            return queryset if not self.value() else queryset.none()


class ColumnFilter(admin.SimpleListFilter):
    path = ""

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return queryset.filter(**{self.path: self.value()}) if self.value() else queryset


class ActionFilter(ColumnFilter):
    title = "what happened"
    parameter_name = path = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(one.value, wording.ACTIONS[one]) for one in Action]


class OutcomeFilter(ColumnFilter):
    title = "effect"
    parameter_name = path = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(one.value, wording.OUTCOMES[one]) for one in Outcome]


class ChannelFilter(ColumnFilter):
    title = "channel"
    parameter_name = "channel"
    path = "identity__channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return channel_choices()


class ContactChannelFilter(admin.SimpleListFilter):
    """Contacts with an address on the channel."""

    title = "channel"
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return channel_choices()

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        return _with_identity(queryset, Q(channel=self.value())) if self.value() else queryset


class StateFilter(admin.SimpleListFilter):
    """Contacts with an address in the state, on the channel filtered by if there is one."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("opted_in", "Opted in to something"),
            ("opted_out", "Opted out of something"),
            ("expired", "Opt-in has run out"),
            ("ending", "Opt-in runs out soon"),
            ("none", "Nothing stated"),
            ("on_hold", "Was put on hold, undecided"),
            ("window_open", "Wrote within 24 hours"),
        ]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        if self.value() == "ending":
            return _on_channel(request, queryset, _has(expiry.ending_soon()))
        conditions: dict[str, Q | Exists] = {
            "opted_in": Q(standing__may_write=True),
            "opted_out": _has(Consent.objects.filter(state=State.OPTED_OUT.value)),
            "expired": _has(Consent.objects.filter(state=State.EXPIRED.value)),
            "none": Q(standing__may_write__isnull=True),
            "on_hold": Q(standing__held_by__isnull=False),
            "window_open": Q(
                standing__window_noted=True,
                standing__last_inbound_at__gt=timezone.now() - CUSTOMER_WINDOW,
            ),
        }
        condition = conditions.get(self.value() or "")
        return queryset if condition is None else _on_channel(request, queryset, condition)


def _on_channel(request: HttpRequest, contacts: Rows, condition: Q | Exists) -> Rows:
    """On the channel that is filtered by, if there is one."""
    channel = request.GET.get(ContactChannelFilter.parameter_name)
    on = Q(channel=channel) if channel in Channel.__members__ else Q()
    return _with_identity(contacts, on, condition)


def _has(consents: QuerySet[Consent]) -> Exists:
    return Exists(consents.filter(identity=OuterRef("pk")))


def _with_identity(contacts: Rows, *conditions: Q | Exists) -> Rows:
    return contacts.filter(
        Exists(ChannelIdentity.objects.filter(*conditions, contact=OuterRef("pk")))
    )

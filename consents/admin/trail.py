"""The page of what staff did, for those who look after staff."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from consents.admin import search, wording
from consents.admin.filters import ColumnFilter, ContactFilter
from consents.admin.tables import ReadOnlyAdmin
from consents.admin.theme import display
from consents.models import ChannelIdentity, Contact, StaffAction
from consents.vocabulary import Deed

DEEDS = {
    Deed.ADDED: "Added",
    Deed.CHANGED: "Changed",
    Deed.DELETED: "Deleted",
    Deed.DONE: "Did",
    Deed.OPENED: "Opened the file",
    Deed.EXPORTED: "Exported the file",
    Deed.LOGGED_IN: "Logged in",
}


class DeedFilter(ColumnFilter):
    title = "what was done"
    parameter_name = path = "deed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(deed.value, words) for deed, words in DEEDS.items()]


class StaffFilter(ColumnFilter):
    title = "member of staff"
    parameter_name = path = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        users = get_user_model().objects.filter(is_staff=True).order_by("username")
        return [(f"staff:{user.pk}", user.get_username()) for user in users]


class AboutFilter(ContactFilter):
    path = "contact"


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnlyAdmin):
    list_display = ("when", "who", "deed_shown", "text", "row", "about", "where")
    list_filter = (DeedFilter, StaffFilter, AboutFilter, "at")
    search_fields = ("contact",)
    search_help_text = "A person's number, e-mail address or CRM's id: who dealt with them"
    ordering = ("-id",)
    fields = ("when", "who", "where", "deed_shown", "text", "row", "about")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[StaffAction]:
        return StaffAction.objects.named().order_by("-id")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StaffAction], search_term: str
    ) -> tuple[QuerySet[StaffAction], bool]:
        if not search_term.strip():
            return queryset, False
        found = ChannelIdentity.objects.filter(id__in=search.identities_of(search_term))
        return queryset.filter(contact__in=found.values("contact")), False

    @display("When")
    def when(self, done: StaffAction) -> str:
        return f"{done.at:%Y-%m-%d %H:%M:%S} UTC"

    @display("Who")
    def who(self, done: StaffAction) -> str:
        username: str | None = getattr(done, "username", None)
        return username or done.actor

    @display("From")
    def where(self, done: StaffAction) -> str:
        return done.ip or "-"

    @display("What", label={"Opened the file": "info", "Deleted": "danger"})
    def deed_shown(self, done: StaffAction) -> str:
        return DEEDS[Deed(done.deed)]

    @display("To which row")
    def row(self, done: StaffAction) -> str:
        model = apps.get_model(done.model)
        name = str(model._meta.verbose_name).capitalize()
        page = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        try:
            url = reverse(page, args=[done.object_id])
        except NoReverseMatch:
            return name
        return wording.anchor(url, name)

    @display("About")
    def about(self, done: StaffAction) -> str:
        if done.contact is None:
            return ""
        name: str | None = getattr(done, "person", None)
        return wording.link(
            "admin:consents_contact_change", Contact(pk=done.contact), name or wording.NO_NAME
        )


def of(contact: UUID) -> str:
    """The page of what staff did with this person's file."""
    query = urlencode({ContactFilter.parameter_name: str(contact)})
    return f"{reverse('admin:consents_staffaction_changelist')}?{query}"

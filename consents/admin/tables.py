"""What the admin's pages of big tables share: they never count, sort or join a whole table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest
from django.utils.functional import cached_property
from unfold.views import ChangeList

from consents.admin.theme import ModelAdmin

COUNTED = 1000
"""Rows beyond the page being looked at that are counted; more are shown as `1000+`."""

LAST_PAGE = 200
"""OFFSET reads all that it skips: who needs to go further back narrows the search."""

if TYPE_CHECKING:
    AnyPaginator = Paginator[Any]
else:
    AnyPaginator = Paginator


class BoundedPaginator(AnyPaginator):
    """Counts no further than it must to know whether there is more."""

    template_name = "admin/pagination_bounded.html"
    page_asked_for = 1

    @property
    def bound(self) -> int:
        return self.per_page * (self.page_asked_for - 1) + COUNTED

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: self.bound + 1].count()
        return counted

    @property
    def count_in_words(self) -> str:
        return f"{self.bound}+" if self.count > self.bound else str(self.count)


class BoundedChangeList(ChangeList):  # type: ignore[misc]
    def get_results(self, request: HttpRequest) -> None:
        """Only the page's foot says how many there are: the theme's head knows no `1000+`."""
        super().get_results(request)
        self.full_result_count = self.result_count


class LargeTableAdmin(ModelAdmin[Any]):
    """For tables that grow without end."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 50
    list_disable_select_all = True
    sortable_by = ()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[BoundedChangeList]:
        return BoundedChangeList

    def get_paginator(
        self, request: HttpRequest, queryset: QuerySet[Any], per_page: int, *args: Any, **kw: Any
    ) -> BoundedPaginator:
        paginator = BoundedPaginator(queryset, per_page, *args, **kw)
        asked = request.GET.get("p", "1")
        if asked.isascii() and asked.isdigit() and len(asked) < 9:
            paginator.page_asked_for = max(1, min(int(asked), LAST_PAGE))
        return paginator


class ReadOnlyAdmin(LargeTableAdmin):
    """To be looked at only: there is no way to add, change or delete a row."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, self.model, "view") or _may(request, self.model, "change")


def _may(request: HttpRequest, model: type[Model], verb: str) -> bool:
    return may(request, f"{model._meta.app_label}.{verb}_{model._meta.model_name}")


def asked_for(admin: ModelAdmin[Any], request: HttpRequest, object_id: str) -> Any:
    """The row that a page of this admin is asked for. Raises Http404 where there is none."""
    row = admin.get_object(request, object_id)
    if row is None:
        raise Http404
    return row


def may(request: HttpRequest, permission: str) -> bool:
    """Whether this member of staff has the permission (`application.verb_model`)."""
    return bool(request.user.has_perm(permission))

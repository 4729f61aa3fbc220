"""The files that staff keep as evidence: what each is, whether it is as it was, and the file."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header

from consents import attachments
from consents.admin import search, timeline, wording
from consents.admin.audit import log
from consents.admin.file_pages import LOOKS
from consents.admin.filters import ColumnFilter
from consents.admin.tables import ReadOnlyAdmin, asked_for
from consents.admin.theme import action, display
from consents.errors import ConsentError
from consents.media import KINDS
from consents.models import EvidenceFile


class MediaFilter(ColumnFilter):
    title = "kind"
    parameter_name = path = "media_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(media.type, media.words) for media in KINDS]


@admin.register(EvidenceFile)
class EvidenceFileAdmin(ReadOnlyAdmin):
    list_display = ("named", "kind", "belongs_to", "added", "added_by_shown")
    list_filter = (MediaFilter, "created_at")
    search_fields = ("event__identity",)
    search_help_text = "A number, an e-mail address or the CRM's id"
    ordering = ("-id",)
    actions_detail = ("download",)
    fields = ("named", "kind", "hash", "state", "belongs_to", "added", "added_by_shown")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvidenceFile]:
        belongs = ("event__identity__contact", "event__purpose", "review")
        return super().get_queryset(request).select_related(*belongs)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[EvidenceFile], search_term: str
    ) -> tuple[QuerySet[EvidenceFile], bool]:
        if not search_term.strip():
            return queryset, False
        found = search.identities_of(search_term)
        return queryset.filter(event__identity__in=found), False

    def has_download_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self.has_view_permission(request)

    @action("Download", permissions=["download"], icon="download")
    def download(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The file; who takes it is written down first."""
        file = asked_for(self, request, object_id)
        try:
            content = attachments.content_of(file)
        except ConsentError as error:
            messages.error(request, error.message)
            return redirect("admin:consents_evidencefile_change", file.pk)
        log(request, file, "Downloaded.")
        return _sent(file, content)

    @display("File")
    def named(self, file: EvidenceFile) -> str:
        return file.name or "(forgotten)"

    @display("Kind")
    def kind(self, file: EvidenceFile) -> str:
        return wording.kind_of_file(file)

    @display("Hash")
    def hash(self, file: EvidenceFile) -> str:
        return wording.unbroken(wording.hash_of(file))

    @display("Looked at now")
    def state(self, file: EvidenceFile) -> str:
        return LOOKS[attachments.look(file)]

    @display("Belongs to")
    def belongs_to(self, file: EvidenceFile) -> str:
        if file.event is not None:
            page, text = "admin:consents_consentevent_change", wording.event(file.event)
            return wording.link(page, file.event, text)
        if file.review is None:
            return ""
        return wording.link("admin:consents_reviewitem_change", file.review, "A revocation")

    @display("Added")
    def added(self, file: EvidenceFile) -> str:
        return wording.moment(file.created_at)

    @display("By")
    def added_by_shown(self, file: EvidenceFile) -> str:
        return timeline.staff_names([file.added_by]).get(file.added_by, file.added_by)


def _sent(file: EvidenceFile, content: bytes) -> HttpResponse:
    """To be saved, never to be shown by the browser: it is not ours."""
    charset = "; charset=utf-8" if file.media_type.startswith("text/") else ""
    answer = HttpResponse(content, content_type=f"{file.media_type}{charset}")
    answer["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer

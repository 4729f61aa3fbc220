"""Imports: what was recorded from files, whoever took them in, and the way to take one in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Coalesce, Concat
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.views.decorators.csrf import csrf_exempt

from consents import dashboard, ledger, voiding
from consents.admin import import_figures, import_pages, wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.forms import NoteForm
from consents.admin.tables import ReadOnlyAdmin, asked_for, may
from consents.admin.theme import action, display
from consents.admin.timeline import staff_names
from consents.counting import counted, noun
from consents.dashboard import Card
from consents.errors import ConsentError
from consents.importing.intake import OPEN, WAITING
from consents.importing.verdicts import INVALID
from consents.models import ImportFile, ImportRun
from consents.vocabulary import FileStatus

_SHOWN_OPEN = 10

VOIDED_HERE = 10_000
"""Lines that a page may void while a browser waits; the command voids any number."""


def cards(now: datetime) -> list[Card]:
    """The files that go on only when somebody has decided."""
    waiting = ImportFile.objects.filter(status__in=[one.value for one in WAITING])
    count = dashboard.bounded(waiting)
    return [
        Card(
            title="Import files",
            figure=dashboard.in_words(count),
            note=f"{'Waits' if count == 1 else 'Wait'} for a decision" if count else "None waits",
            url=reverse("admin:consents_importrun_changelist"),
            tone="warning" if count else "",
        )
    ]


dashboard.register(cards)


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = ("file_name", "sender", "by", "started", "state", "rows_shown", "refused_shown")
    list_filter = ("sender",)
    list_select_related = ("sender",)
    list_before_template = "admin/consents/importrun/open_files.html"
    ordering = ("-started_at",)
    search_fields = ("file_name",)
    actions_list = ("take_in",)
    actions_detail = ("void_import",)
    change_form_outer_before_template = "admin/consents/importrun/outcome.html"
    fields = (
        *("file_name", "sender", "by", "started", "finished", "state", "rows_shown"),
        *("voided", "size_shown", "sha256_shown", "read_as", "id"),
    )
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRun]:
        names = get_user_model().objects.annotate(
            actor=Concat(Value("staff:"), Cast("pk", CharField()))
        )
        who = names.filter(actor=OuterRef("actor")).values("username")[:1]
        runs: QuerySet[ImportRun] = (
            super().get_queryset(request).annotate(who=Coalesce(Subquery(who), "actor"))
        )
        return runs

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, "consents.add_importrun")

    def has_void_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.void_importrun")

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str) -> URLPattern:
            def shown(request: HttpRequest, **named: Any) -> HttpResponse:
                answer: HttpResponse = view(self, request, **named)
                return answer

            whole = f"consents_importrun_{name}"
            return path(route, self.admin_site.admin_view(shown), name=whole)

        return [
            page("file/<uuid:id>/", import_pages.show, "file"),
            page("file/<uuid:id>/record/", import_pages.record, "record"),
            page("file/<uuid:id>/cancel/", import_pages.cancel, "cancel"),
            page("file/<uuid:id>/<slug:category>.csv", import_pages.download, "sheet"),
            *super().get_urls(),
        ]

    @csrf_exempt
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Takes a file in. The form's token is looked for once it is known how much comes."""
        return import_pages.upload(self, request)

    @action("Import a file…", permissions=["add"], icon="upload_file")
    def take_in(self, request: HttpRequest) -> HttpResponse:
        return redirect("admin:consents_importrun_add")

    @action("Void this import…", permissions=["void"], icon="block")
    def void_import(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = asked_for(self, request, object_id)
        foreseen = voiding.foresee(voiding.of_run(run))

        def carry_out(data: dict[str, Any]) -> str:
            _check_size(run, foreseen.lines)
            voided = ledger.void_run(run, note=data["note"], actor=staff(request))
            entries = counted(voided, "entry", "entries")
            log(request, run, f"Voided, with {entries}.")
            return f"The import is void. No longer counted: {entries}."

        question = Question(
            title="Void an import made in error",
            explanation=_what_voiding_does(foreseen),
            button="Void the import",
            back=reverse("admin:consents_importrun_change", args=[run.pk]),
            is_dangerous=True,
        )
        return ask(request, self, question, NoteForm, carry_out)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        files = ImportFile.objects.filter(status__in=[one.value for one in OPEN])
        shown = {"open_files": files.select_related("sender")[:_SHOWN_OPEN]}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        shown = import_figures.of_run(run) if run else {}
        shown["may_decide"] = self.has_add_permission(request)
        context = {**(extra_context or {}), **shown}
        answer = super().change_view(request, object_id, form_url, context)
        if run and run.files.filter(status=FileStatus.RECORDING.value).exists():
            answer["Refresh"] = import_pages.REFRESH
        return answer

    # --- what the pages show

    @display("Taken in by")
    def by(self, run: ImportRun) -> str:
        return str(getattr(run, "who", run.actor))

    @display("Begun")
    def started(self, run: ImportRun) -> str:
        return wording.moment(run.started_at)

    @display("Finished")
    def finished(self, run: ImportRun) -> str:
        return wording.moment(run.finished_at) if run.finished_at else "Not yet"

    @display("Voided")
    def voided(self, run: ImportRun) -> str:
        if run.voided_at is None:
            return ""
        by = staff_names([run.voided_by]).get(run.voided_by, run.voided_by)
        return f"{wording.moment(run.voided_at)}, by {by}"

    @display("State", label={"Finished": "success", "Not finished": "warning", "Void": "danger"})
    def state(self, run: ImportRun) -> str:
        if run.voided_at:
            return "Void"
        return "Finished" if run.finished_at else "Not finished"

    @display("Rows")
    def rows_shown(self, run: ImportRun) -> str:
        return f"{run.rows:,}"

    @display("Refused")
    def refused_shown(self, run: ImportRun) -> str:
        return f"{run.counts.get(INVALID, 0):,}"

    @display("Size")
    def size_shown(self, run: ImportRun) -> str:
        return f"{run.size:,} bytes"

    @display("SHA-256 of the file")
    def sha256_shown(self, run: ImportRun) -> str:
        digest = bytes(run.sha256).hex()
        parts = ((digest[at : at + 16],) for at in range(0, len(digest), 16))
        return format_html_join(mark_safe("<wbr>"), "{}", parts)  # narrow screens break it there

    @display("Read as")
    def read_as(self, run: ImportRun) -> str:
        return wording.joined(import_figures.in_words(run.manner))


def _what_voiding_does(foreseen: voiding.Foreseen) -> str:
    return (
        f"{counted(foreseen.lines, 'entry', 'entries')} of this import "
        f"{noun(foreseen.lines, 'counts', 'count')} now. They stay in the ledger, marked as void. "
        f"{counted(foreseen.opted_in, 'opt-in')} and {counted(foreseen.opted_out, 'opt-out')} that "
        "hold today rest on them: for each, what holds is worked out again without them, and the "
        "providers are told. This cannot be taken back."
    )


def _check_size(run: ImportRun, lines: int) -> None:
    if lines > VOIDED_HERE:
        raise ConsentError(
            "too_many",
            f"These are more entries than can be voided while you wait. Use the command: "
            f"manage.py void_import {run.pk}",
        )

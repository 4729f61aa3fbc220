"""The imports: what each came to, and a way to take one back that was made in error."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from consents import ledger, voiding
from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.forms import NoteForm
from consents.admin.tables import ReadOnlyAdmin, may
from consents.admin.theme import action, display
from consents.admin.timeline import staff_names
from consents.errors import ConsentError
from consents.models import ImportRun

VOIDED_HERE = 10_000
"""Lines that a page may void while a browser waits; the command voids any number."""


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = ("started", "file_name", "sender", "rows", "what_came", "status")
    list_filter = ("sender", "started_at")
    list_select_related = ("sender",)
    search_fields = ("file_name",)
    actions_detail = ("void_import",)
    fields = (
        *("file_name", "sender", "status", "rows", "what_came", "started", "finished"),
        *("imported_by", "voided", "manner_shown", "sha256_shown", "id"),
    )
    readonly_fields = fields

    def has_void_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.void_importrun")

    @action("Void this import…", permissions=["void"], icon="block")
    def void_import(self, request: HttpRequest, object_id: str) -> HttpResponse:
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404
        foreseen = voiding.foresee(voiding.of_run(run))

        def carry_out(data: dict[str, Any]) -> str:
            _check_size(run, foreseen.lines)
            voided = ledger.void_run(run, note=data["note"], actor=staff(request))
            log(request, run, f"Voided, with {voided} entries.")
            return f"The import is void: {voided} entries count no longer."

        question = Question(
            title="Void an import made in error",
            explanation=_what_voiding_does(foreseen),
            button="Void the import",
            back=reverse("admin:consents_importrun_change", args=[run.pk]),
            is_dangerous=True,
        )
        return ask(request, self, question, NoteForm, carry_out)

    @display("Started")
    def started(self, run: ImportRun) -> str:
        return wording.moment(run.started_at)

    @display("Finished")
    def finished(self, run: ImportRun) -> str:
        return wording.moment(run.finished_at) if run.finished_at else ""

    @display("Status", label={"Done": "success", "Not to its end": "warning", "Void": "danger"})
    def status(self, run: ImportRun) -> str:
        if run.voided_at:
            return "Void"
        return "Done" if run.finished_at else "Not to its end"

    @display("What came of its rows")
    def what_came(self, run: ImportRun) -> str:
        counts = sorted(run.counts.items())
        return ", ".join(f"{name.replace('_', ' ')}: {count}" for name, count in counts)

    @display("Imported by")
    def imported_by(self, run: ImportRun) -> str:
        return _named(run.actor)

    @display("Voided")
    def voided(self, run: ImportRun) -> str:
        if run.voided_at is None:
            return ""
        return f"{wording.moment(run.voided_at)}, by {_named(run.voided_by)}"

    @display("How it was read")
    def manner_shown(self, run: ImportRun) -> str:
        return ", ".join(f"{name}: {value}" for name, value in run.manner.items() if value)

    @display("SHA-256 of the file")
    def sha256_shown(self, run: ImportRun) -> str:
        return bytes(run.sha256).hex()


def _what_voiding_does(foreseen: voiding.Foreseen) -> str:
    return (
        f"{foreseen.lines} entries of this import count now. They stay in the ledger, marked as "
        f"void. {foreseen.opted_in} opt-ins and {foreseen.opted_out} opt-outs that hold today "
        "rest on them: for each, what holds is worked out again without them, and the providers "
        "are told. This cannot be taken back."
    )


def _check_size(run: ImportRun, lines: int) -> None:
    if lines > VOIDED_HERE:
        raise ConsentError(
            "too_many",
            f"These are more entries than can be voided while you wait. Use the command: "
            f"manage.py void_import {run.pk}",
        )


def _named(actor: str) -> str:
    return staff_names([actor]).get(actor, actor)

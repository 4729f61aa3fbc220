"""What the page of a line has of its files: what they are, and a way to attach another."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html

from consents import attachments
from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.file_forms import AttachForm
from consents.admin.tables import ReadOnlyAdmin, asked_for, may
from consents.admin.theme import action, display
from consents.attachments import FILE, Look
from consents.models import ConsentEvent, EvidenceFile
from consents.vocabulary import Deed

LOOKS = {
    Look.AGREES: "The hash agrees",
    Look.DIFFERS: "The hash does NOT agree: it was changed",
    Look.UNREADABLE: "It cannot be read: its key is missing, or it was changed",
    Look.FORGOTTEN: "Forgotten",
}
NO_ROOM: Final = "There was no room for it."
_MISSING: Final = "The file that the evidence names is not here."


class FilePages(ReadOnlyAdmin):
    """What the pages of a line have for its files."""

    def has_attach_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return may(request, "consents.add_consentevent")

    @action("Attach a file…", permissions=["attach"], icon="attach_file")
    def attach_file(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = asked_for(self, request, object_id)

        @transaction.atomic
        def carry_out(data: dict[str, Any]) -> str:
            file = attachments.attach(event, data[FILE], actor=staff(request))
            log(request, file, f"Attached, {wording.hash_of(file)}.", Deed.ADDED)
            return "The file is kept with this entry."

        question = Question(
            title="Attach a file",
            explanation=f"To “{wording.event(event)}”. The entry itself is not changed: who "
            "attached the file, and its hash, are put into the trail of what staff did.",
            button="Attach it",
            back=reverse("admin:consents_consentevent_change", args=[event.pk]),
        )
        return ask(request, self, question, AttachForm, carry_out)

    @display("Files")
    def files(self, event: ConsentEvent) -> str:
        files = list(attachments.of(event))
        return wording.joined([*map(_looked_at, files), *_missing(event, files)])


def say_not_kept(request: HttpRequest, why: str, event: ConsentEvent | None = None) -> None:
    """What came with the file is recorded all the same. `event`: where another may be attached."""
    then = "Another can be attached to the entry of the opt-out."
    if event is not None:
        page = reverse("admin:consents_consentevent_attach_file", args=[event.pk])
        then = wording.anchor(page, "Attach another.")
    messages.error(request, format_html("Recorded without its file. {} {}", why, then))


def _looked_at(file: EvidenceFile) -> str:
    link = wording.link("admin:consents_evidencefile_change", file, wording.kind_of_file(file))
    digest = wording.unbroken(wording.hash_of(file))
    return format_html("{}, {}. {}.", link, digest, LOOKS[attachments.look(file)])


def _missing(event: ConsentEvent, files: Collection[EvidenceFile]) -> list[str]:
    named = attachments.named_in(event.detail.evidence)
    is_here = named is None or named.hex() in {file.hexdigest for file in files}
    return [] if is_here else [_MISSING]

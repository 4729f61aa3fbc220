"""Revocations that came otherwise than by a message: written down, and shown as questions."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from consents import attachments, revocations
from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log, staff
from consents.admin.file_pages import NO_ROOM, say_not_kept
from consents.admin.review_forms import MEDIA, RevocationForm, told
from consents.admin.tables import ReadOnlyAdmin, may
from consents.admin.theme import action, display
from consents.attachments import FILE, Attachment
from consents.models import ReviewItem
from consents.vocabulary import Deed, Medium

_RECORDS = ("consents.change_reviewitem", "consents.add_consentevent")


class RevocationPages(ReadOnlyAdmin):
    """What the pages of questions have for revocations alone."""

    def has_opt_out_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return all(may(request, one) for one in _RECORDS)

    @action("Add a revocation…", permissions=["opt_out"], icon="edit_note")
    def add_revocation(self, request: HttpRequest) -> HttpResponse:
        question = Question(
            title="Somebody took their consent back",
            explanation="By telephone, by letter or in person. Where it is clear who it is the "
            "opt-out is recorded now; otherwise somebody has to find them in time.",
            button="Write it down",
            back=reverse("admin:consents_reviewitem_changelist"),
        )

        def carry_out(data: dict[str, Any]) -> str:
            item, is_kept = attachments.or_without(partial(_take, request, data), data[FILE])
            log(request, item, "Revocation written down.", Deed.ADDED)
            refused = data["refused"] or ("" if is_kept else NO_ROOM)
            if refused:
                say_not_kept(request, refused)
            if item.decided_at:
                return "The opt-out is recorded."
            return f"It is not clear who it was. Somebody has to find them by {day(item)}."

        return ask(request, self, question, RevocationForm, carry_out)

    @display("Revocation")
    def revocation_shown(self, item: ReviewItem) -> str:
        if item.kind != revocations.KIND:
            return ""
        said = item.revocation
        channels = ", ".join(wording.channel(name) for name in said.channels) or "all channels"
        received = wording.moment(said.received_at)
        words = [f"{MEDIA[Medium(said.medium)]}, {received}", f"{said.purpose}: {channels}"]
        files = [
            wording.link("admin:consents_evidencefile_change", file, wording.kind_of_file(file))
            for file in item.files.all()
        ]
        return wording.joined(filter(None, [*words, said.person, item.note, *files]))


def _take(request: HttpRequest, data: dict[str, Any], file: Attachment | None) -> ReviewItem:
    """Written down as the form says."""
    by = staff(request)
    return revocations.take(data["sender"], told(data), note=data["note"], actor=by, file=file)


def day(item: ReviewItem) -> str:
    """By when it has to be decided."""
    return f"{item.due_at.day} {item.due_at:%B %Y}" if item.due_at else ""

"""The wording that people are shown: put in once, read, and never changed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from consents import publishing
from consents.admin import wording
from consents.admin.asking import Question, ask
from consents.admin.audit import log
from consents.admin.forms import long_text, moment_field, sender_choice, text
from consents.admin.tables import ReadOnlyAdmin, may
from consents.admin.theme import display
from consents.models import Notice
from consents.models.base import LANGUAGE_MAX
from consents.models.notices import KEY_MAX, VERSION_MAX
from consents.vocabulary import Deed

_SHOWN = ("sender", "key", "version", "language", "wording_shown", "since", "digest", "added")


class NoticeForm(forms.Form):
    """One version in one language."""

    sender = sender_choice("Whose notice it is.")
    key = text(
        "Key",
        "What programs and evidence call it, whatever its version: checkout-banner.",
        max_length=KEY_MAX,
        required=True,
    )
    version = text(
        "Version", "What you call it: 2026-03, or 3.", max_length=VERSION_MAX, required=True
    )
    language = text("Language", "For example sv or pt-BR.", max_length=LANGUAGE_MAX, required=True)
    text = long_text(
        "Text",
        "To the letter as people are shown it.",
        max_length=publishing.TEXT_MAX,
        required=True,
    )
    valid_from = moment_field("Shown since")

    def clean_text(self) -> str:
        """A browser sends the ends of lines as CR and LF, whatever was typed."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("key", "version", "language", "sender", "since", "hash")
    list_filter = ("sender", "language")
    search_fields = ("key", "version")
    search_help_text = "A key or a version"
    ordering = ("-id",)
    fields = readonly_fields = _SHOWN

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        return super().get_queryset(request).select_related("sender").defer("text")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return may(request, "consents.add_notice")

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied

        def carry_out(data: dict[str, Any]) -> str:
            with transaction.atomic():
                notice, is_new = publishing.publish(**data)
                if is_new:
                    log(request, notice, "Published.", Deed.ADDED)
            return (
                f"{notice} is there." if is_new else f"{notice} was there already, to the letter."
            )

        question = Question(
            title="Add a notice",
            explanation="A version of the wording that people are shown, in one language. It can "
            "be named as evidence from now on, and is never changed or deleted: another text is "
            "another version.",
            button="Add it for good",
            back=reverse("admin:consents_notice_changelist"),
        )
        return ask(request, self, question, NoticeForm, carry_out)

    @display("Text")
    def wording_shown(self, notice: Notice) -> str:
        return wording.preformatted(notice.text)

    @display("Shown since")
    def since(self, notice: Notice) -> str:
        return wording.moment(notice.valid_from)

    @display("Hash")
    def hash(self, notice: Notice) -> str:
        """As much of it as tells one from the others; its page has it whole."""
        return f"{notice.digest[:12]}\N{HORIZONTAL ELLIPSIS}"

    @display("Hash (SHA-256)")
    def digest(self, notice: Notice) -> str:
        return notice.digest

    @display("Added")
    def added(self, notice: Notice) -> str:
        return wording.moment(notice.created_at)

"""A notice to be chosen in a form instead of typing its wording."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from unfold import widgets

from consents import notices
from consents.admin import wording
from consents.models import Notice, Sender

if TYPE_CHECKING:
    NoticeField = forms.ModelChoiceField[Notice]
else:
    NoticeField = forms.ModelChoiceField


class NoticeChoice(NoticeField):
    def __init__(self) -> None:
        super().__init__(
            queryset=Notice.objects.none(),
            label="Notice shown",
            help_text="Its wording, version and language are then known.",
            required=False,
            empty_label="None of these",
            widget=widgets.UnfoldAdminSelectWidget(),
        )

    def offer(self, sender: Sender | None) -> None:
        """The notices of one sender, or of all."""
        known = Notice.objects.select_related("sender").defer("text")
        of_whom: QuerySet[Notice] = known.filter(sender=sender) if sender else known
        self.queryset = of_whom.order_by("sender__name", "key", "-valid_from", "language")

    def label_from_instance(self, notice: Notice) -> str:
        return f"{notice.sender}: {wording.notice(notice)}"


def claim(notice: Notice | None) -> dict[str, Any]:
    """What goes into the evidence: of another sender it would be another text."""
    return {notices.NAME: notices.version(notice).as_evidence()} if notice else {}

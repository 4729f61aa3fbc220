"""What is asked of whoever decides about a question, or writes a revocation down."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils import timezone
from unfold import widgets

from consents.admin.file_forms import FileForm
from consents.admin.forms import channel_choices, long_text, moment_field, purpose_choice, text
from consents.attachments import FILE
from consents.models import Sender
from consents.revocations import Told
from consents.vocabulary import CLOCK_TOLERANCE, ROOT_PURPOSE, Channel, Medium

if TYPE_CHECKING:
    SenderChoice = forms.ModelChoiceField[Sender]
    StaffChoice = forms.ModelChoiceField[Any]
else:
    SenderChoice = StaffChoice = forms.ModelChoiceField

MEDIA = {
    Medium.PHONE: "By telephone",
    Medium.LETTER: "By letter",
    Medium.EMAIL: "By e-mail to us",
    Medium.IN_PERSON: "In person",
    Medium.OTHER: "Otherwise",
}


def _channels() -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label="Channels",
        help_text="None chosen: all of theirs that are known here.",
        choices=channel_choices,
        required=False,
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
    )


class OptOutForm(forms.Form):
    """What somebody meant by a message that put marketing on hold."""

    purpose = purpose_choice("They opted out of", initial=ROOT_PURPOSE)
    note = long_text("Note", "Kept in the ledger beside this decision.")


class OwnerForm(forms.Form):
    owner = StaffChoice(
        label="Who looks after it",
        queryset=get_user_model().objects.filter(is_staff=True, is_active=True),
        required=False,
        empty_label="Nobody",
        widget=widgets.UnfoldAdminSelectWidget(),
    )


class RevocationForm(FileForm):
    """Somebody took their consent back otherwise than by a message."""

    sender = SenderChoice(
        label="Sender",
        queryset=Sender.objects.all(),
        empty_label=None,
        widget=widgets.UnfoldAdminSelectWidget(),
    )
    person = text(
        "Who",
        "Their number, e-mail address or the CRM's id: then the opt-out is recorded at once. "
        "Otherwise what they said of themselves, for somebody to find them.",
        required=True,
        max_length=320,
    )
    channels = _channels()
    purpose = purpose_choice("They want no more of", initial=ROOT_PURPOSE)
    medium = forms.ChoiceField(
        label="How it came",
        choices=[(one.value, words) for one, words in MEDIA.items()],
        widget=widgets.UnfoldAdminSelectWidget(),
    )
    received_at = moment_field("When it was received", "The time to honour it runs from here.")
    note = long_text("Note", "What they said, and where the letter is kept.")
    field_order = ("sender", "person", "channels", "purpose", "medium", "received_at", "note", FILE)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        self.go_without_file()
        return {**data, "refused": self.refused}

    def clean_received_at(self) -> Any:
        received_at = self.cleaned_data["received_at"] or timezone.now()
        if received_at > timezone.now() + CLOCK_TOLERANCE:
            raise forms.ValidationError("This has not happened yet.")
        return received_at


def told(data: dict[str, Any]) -> Told:
    """What RevocationForm was filled in with."""
    return Told(
        person=data["person"],
        channels=[Channel(name) for name in data["channels"]],
        purpose=data["purpose"],
        medium=Medium(data["medium"]),
        received_at=data["received_at"].astimezone(UTC),
    )


class FoundForm(forms.Form):
    """Who it was that took their consent back."""

    person = text("Who it was", "Number, e-mail address or the CRM's id.", required=True)
    channels = _channels()
    note = long_text("Note", "How you know. Kept in the ledger beside the opt-out.")

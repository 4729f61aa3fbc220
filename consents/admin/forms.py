"""What the forms of the admin are made of, and those that are asked on many pages."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from unfold import widgets

from consents.admin import wording
from consents.entries import TEXT_MAX
from consents.models import ApiKey, Purpose, Sender
from consents.vocabulary import Action, Channel, Scope

if TYPE_CHECKING:
    ApiKeyModelForm = forms.ModelForm[ApiKey]
    PurposeChoice = forms.ModelChoiceField[Purpose]
    SenderChoice = forms.ModelChoiceField[Sender]
else:
    ApiKeyModelForm = forms.ModelForm
    PurposeChoice = SenderChoice = forms.ModelChoiceField


SAID = [
    (Action.OPT_IN.value, "Yes: they opt in"),
    (Action.OPT_OUT.value, "No: they opt out"),
]

SCOPES = {
    Scope.RECORD: "Record: write down consent and people's messages",
    Scope.CHECK: "Check: ask whether somebody may be written to",
    Scope.READ: "Read: list contacts, events and what providers were told",
    Scope.MANAGE: "Manage: change contacts, retry deliveries",
}


def channel_choices() -> list[tuple[str, str]]:
    return [(channel.value, wording.channel(channel)) for channel in Channel]


def text(label: str, help_text: str = "", **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        widget=widgets.UnfoldAdminTextInputWidget(),
        **{"required": False, **options},
    )


def long_text(label: str, help_text: str = "", **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        help_text=help_text,
        widget=widgets.UnfoldAdminTextareaWidget({"rows": 3}),
        **{"required": False, "max_length": TEXT_MAX, **options},
    )


class MomentForm(forms.Form):
    """Another time to look at a contact as of; times are UTC."""

    at = forms.DateTimeField(
        label="Time (UTC)",
        widget=forms.DateTimeInput(
            {"type": "datetime-local", "class": " ".join(widgets.INPUT_CLASSES)}, "%Y-%m-%dT%H:%M"
        ),
    )
    hindsight = forms.BooleanField(
        label="With what has become known since",
        required=False,
        widget=widgets.UnfoldBooleanWidget(),
    )

    def clean_at(self) -> datetime:
        at: datetime = self.cleaned_data["at"]
        if at > timezone.now():
            raise forms.ValidationError("That time is yet to come.")
        return at

    @property
    def moment(self) -> datetime | None:
        """The time asked for; None where none, or none that can be looked at."""
        if not self.is_bound or not self.is_valid():
            return None
        at: datetime = self.cleaned_data["at"]
        return at

    @property
    def is_hindsight(self) -> bool:
        return self.moment is not None and bool(self.cleaned_data["hindsight"])


def sender_choice(
    help_text: str = "The business that was, or was not, allowed to write.",
) -> SenderChoice:
    return SenderChoice(
        label="Sender",
        help_text=help_text,
        queryset=Sender.objects.all(),
        empty_label=None,
        widget=widgets.UnfoldAdminSelectWidget(),
    )


def purpose_choice(label: str, help_text: str = "", **options: Any) -> PurposeChoice:
    """One of the purposes, by its key."""
    return PurposeChoice(
        label=label,
        help_text=help_text,
        queryset=Purpose.objects.all(),
        empty_label=None,
        to_field_name="key",
        widget=widgets.UnfoldAdminSelectWidget(),
        **options,
    )


class NoteForm(forms.Form):
    """Asks for a reason, which is kept with what is done."""

    note = long_text("Why", "Kept in the ledger beside this decision.", required=True)


class OptionalNoteForm(forms.Form):
    note = long_text("Note", "Kept in the ledger beside this decision.")


class NothingForm(forms.Form):
    """Asks only for a yes."""


class MinutesInput(widgets.UnfoldAdminTextInputWidget):  # type: ignore[misc]
    input_type = "datetime-local"


def moment_field(label: str, help_text: str = "") -> forms.DateTimeField:
    """A time that need not be given, in UTC."""
    return forms.DateTimeField(
        label=f"{label} (UTC)",
        help_text=f"Leave empty for now. {help_text}".rstrip(),
        required=False,
        widget=MinutesInput(),
    )


class ApiKeyForm(ApiKeyModelForm):
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=[(scope.value, text) for scope, text in SCOPES.items()],
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
    )

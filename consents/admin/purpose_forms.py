"""The forms of purposes, keywords and senders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from unfold import widgets

from consents.admin import wording
from consents.admin.forms import long_text
from consents.models import Purpose, Sender
from consents.vocabulary import CONFIRM_WITHIN_HOURS_MAX, StopScope

if TYPE_CHECKING:
    PurposeModelForm = forms.ModelForm[Purpose]
    SenderModelForm = forms.ModelForm[Sender]
else:
    PurposeModelForm = SenderModelForm = forms.ModelForm


class PurposeForm(PurposeModelForm):
    required_evidence = forms.MultipleChoiceField(
        label="Evidence required",
        choices=[(one.value, words) for one, words in wording.PROOFS.items()],
        required=False,
        help_text="What staff and imports must know of an opt-in to it, or to a purpose that "
        "covers it. Without, the opt-in is refused. An opt-out needs none.",
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    confirm_within_hours = forms.IntegerField(
        label="Hours to confirm (double opt-in)",
        min_value=1,
        max_value=CONFIRM_WITHIN_HOURS_MAX,
        required=False,
        help_text="An opt-in to it, or to a purpose that covers it, that staff, an import, a "
        "program or a provider's own interface hands in counts only once the person has confirmed "
        "it, within so many hours: by keyword, by link, or as a program of yours says. Empty: it "
        "counts at once. What people do themselves, by keyword or on the preference page, counts "
        "at once in any case.",
        widget=widgets.UnfoldAdminIntegerFieldWidget(),
    )


class SenderForm(SenderModelForm):
    stop_scope = forms.ChoiceField(
        label="A person's own opt-out also counts for",
        choices=[
            (StopScope.CHANNEL.value, "Their other addresses on the same channel"),
            (StopScope.CONTACT.value, "All of their addresses, on every channel"),
        ],
        widget=widgets.UnfoldAdminSelectWidget(),
    )


class MessageForm(forms.Form):
    message = long_text("What they write", required=True)

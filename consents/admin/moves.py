"""The form that moves an address to another contact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from unfold import widgets

from consents import contacts
from consents.admin import wording
from consents.admin.forms import long_text, text
from consents.models import ChannelIdentity, Contact
from consents.moving import Move

if TYPE_CHECKING:
    IdentityModelChoice = forms.ModelChoiceField[ChannelIdentity]
else:
    IdentityModelChoice = forms.ModelChoiceField

ALONG, BEHIND = "along", "behind"


class _IdentityChoice(IdentityModelChoice):
    def label_from_instance(self, obj: ChannelIdentity) -> str:
        return wording.named(obj)


class MoveForm(forms.Form):
    """Which of the contact's addresses goes to whom; `move_form` makes the classes."""

    contact: Contact

    identity = _IdentityChoice(
        label="Which address",
        queryset=ChannelIdentity.objects.none(),
        empty_label=None,
        widget=widgets.UnfoldAdminSelectWidget(),
    )
    to = text(
        "Whose it is",
        "The CRM's id of the other contact, or another number or e-mail address of theirs.",
        required=True,
        max_length=320,
    )
    consent = forms.ChoiceField(
        label="What was said of this address so far",
        help_text="An address that has changed hands is opted out until its new owner opts in.",
        choices=[
            (ALONG, "They said it: it goes along"),
            (BEHIND, "The address has changed hands"),
        ],
        widget=widgets.UnfoldAdminRadioSelectWidget(),
    )
    note = long_text("How you know", "Kept in the ledger beside the move.", required=True)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        field: Any = self.fields["identity"]
        field.queryset = self.contact.identities.exclude(address=None).order_by("id")

    def clean_to(self) -> Contact:
        named = contacts.named(self.contact.sender, self.cleaned_data["to"])
        if len(named) != 1:
            raise forms.ValidationError("This names no contact, or several.")
        if named[0] == self.contact:
            raise forms.ValidationError("This is the same contact.")
        return named[0]


def move_form(contact: Contact) -> type[MoveForm]:
    """The form for this contact's addresses."""
    return type("MoveForm", (MoveForm,), {"contact": contact})


def move_of(data: dict[str, Any], *, actor: str) -> Move:
    """What MoveForm was filled in with."""
    return Move(
        identity=data["identity"],
        to=data["to"],
        with_consent=data["consent"] == ALONG,
        note=data["note"],
        actor=actor,
    )

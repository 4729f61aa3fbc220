"""The forms of the consent pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django import forms
from django.utils import timezone
from unfold import widgets

from consents.admin import wording
from consents.admin.notice_choice import NoticeChoice, claim
from consents.entries import TEXT_MAX
from consents.models import ApiKey, Contact, Purpose, Sender
from consents.vocabulary import (
    ROOT_PURPOSE,
    SOURCE_MAX,
    Action,
    Channel,
    Proof,
    Scope,
)

if TYPE_CHECKING:
    ApiKeyModelForm = forms.ModelForm[ApiKey]
    PurposeChoice = forms.ModelChoiceField[Purpose]
    SenderChoice = forms.ModelChoiceField[Sender]
else:
    ApiKeyModelForm = forms.ModelForm
    PurposeChoice = SenderChoice = forms.ModelChoiceField

EVERYWHERE, NEW_ADDRESS = "all", "new"
STAFF_SOURCE = "STAFF"

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


class RecordConsentForm(forms.Form):
    """One opt-in or opt-out, of a contact or of somebody new.

    `token` is new with every form shown; together with what was filled in it tells a second
    press of the button from a second statement.
    """

    token = forms.CharField(widget=forms.HiddenInput(), max_length=64)
    action = forms.ChoiceField(
        label="What they said",
        choices=SAID,
        widget=widgets.UnfoldAdminRadioSelectWidget(),
    )
    who = forms.ChoiceField(label="For which address", widget=widgets.UnfoldAdminSelectWidget())
    sender = sender_choice()
    channel = forms.ChoiceField(
        label="Channel",
        choices=channel_choices,
        required=False,
        widget=widgets.UnfoldAdminSelectWidget(),
    )
    address = text(
        "Number or address",
        "A phone number with its country code, for example +46 70 174 06 05.",
        max_length=512,
    )
    purpose = purpose_choice(
        "Purpose", "“All messages” covers everything you may send.", initial=ROOT_PURPOSE
    )
    source = text(
        "Source",
        f"Where they said it, in at most {SOURCE_MAX} characters: PHONE CALL, PAPER FORM, E-MAIL. "
        "An opt-out need not say.",
        max_length=SOURCE_MAX,
    )
    occurred_at = moment_field("When they said it")
    note = long_text(
        "Evidence note",
        "How you know. Needed to opt somebody in again who has opted out.",
    )
    notice = NoticeChoice()
    wording_shown = long_text("Wording shown", "The text they agreed to, word for word.")
    business_name = text("Business name shown", max_length=200)
    wording_version = text("Wording version", max_length=100)
    medium = text("Medium", "Paper, telephone, web form.", max_length=100)
    language = text("Language", "Of the wording, for example sv.", max_length=35)
    legal_basis = text("Legal basis", max_length=200)
    policy_version = text("Policy version", max_length=100)
    evidence_url = forms.URLField(
        label="Link to the evidence",
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=widgets.UnfoldAdminURLInputWidget(),
    )

    def __init__(self, data: Mapping[str, Any] | None, *, contact: Contact | None) -> None:
        super().__init__(data)
        self.contact = contact
        self.initial["token"] = uuid4().hex
        self._identities = {
            str(identity.id): identity
            for identity in (contact.identities.order_by("id")[:200] if contact else ())
            if identity.address is not None
        }
        self._fit_to(contact)

    def _fit_to(self, contact: Contact | None) -> None:
        who, notice = self.fields["who"], self.fields["notice"]
        assert isinstance(notice, NoticeChoice)  # noqa: S101 - tells mypy what was declared
        notice.offer(contact.sender if contact else None)
        if contact is None:
            del self.fields["who"]
            self.fields["channel"].required = self.fields["address"].required = True
            sender = self.fields["sender"]
            sender.initial = Sender.objects.first()
            return
        del self.fields["sender"]
        known = [(key, wording.named(identity)) for key, identity in self._identities.items()]
        everywhere = [(EVERYWHERE, "All their addresses")] if known else []
        assert isinstance(who, forms.ChoiceField)  # noqa: S101 - tells mypy what was declared
        who.choices = [*everywhere, *known, (NEW_ADDRESS, "Another address, given below")]

    @property
    def main_fields(self) -> list[forms.BoundField]:
        apart = ("notice", *_EVIDENCE, *self._new_names)
        return [field for field in self if field.name not in apart]

    @property
    def new_address_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self._new_names]

    @property
    def evidence_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("notice", *_EVIDENCE)]

    @property
    def _new_names(self) -> tuple[str, ...]:
        return ("channel", "address") if self.contact else ()

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("who") == NEW_ADDRESS and not data.get("address"):
            self.add_error("address", "Give the other address, or choose one of theirs above.")
        # An opt-out never waits for who writes it down to remember where it was said.
        if not data.get("source") and data.get("action") == Action.OPT_IN:
            self.add_error("source", "Say where they opted in.")
        return data

    def entry(self) -> dict[str, Any]:
        """What `ledger.record` is told, besides who tells it."""
        data = self.cleaned_data
        occurred_at = data["occurred_at"]
        return {
            **self._whom(),
            "action": data["action"],
            "purpose": data["purpose"].key,
            "source": data["source"] or STAFF_SOURCE,
            "occurred_at": occurred_at.astimezone(UTC) if occurred_at else None,
            "note": data["note"],
            "evidence": {
                **claim(data["notice"]),
                **{name: data[field] for field, name in _EVIDENCE.items() if data[field]},
            },
        }

    def _whom(self) -> dict[str, Any]:
        data = self.cleaned_data
        who = data.get("who", NEW_ADDRESS)
        contact = {"contact": self.contact} if self.contact else {}
        if who == EVERYWHERE:
            return contact
        if who in self._identities:
            identity = self._identities[who]
            return {**contact, "channel": identity.channel, "identity": identity.address}
        return {**contact, "channel": data["channel"], "identity": data["address"]}


_PROVEN = [one.value for one in Proof if one != Proof.WORDING]
_EVIDENCE = {
    "wording_shown": Proof.WORDING.value,
    **{name: name for name in _PROVEN},
    "policy_version": "policy_version",
    "evidence_url": "url",
}


class ApiKeyForm(ApiKeyModelForm):
    scopes = forms.MultipleChoiceField(
        label="It may",
        choices=[(scope.value, text) for scope, text in SCOPES.items()],
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
    )

"""The form by which staff record what somebody said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final
from uuid import uuid4

from django import forms
from unfold import widgets

from consents.admin import wording
from consents.admin.file_forms import FileForm
from consents.admin.forms import (
    SAID,
    channel_choices,
    long_text,
    moment_field,
    purpose_choice,
    sender_choice,
    text,
)
from consents.admin.notice_choice import NoticeChoice, claim
from consents.attachments import FILE
from consents.models import Contact, Sender
from consents.vocabulary import ROOT_PURPOSE, SOURCE_MAX, Action, Proof

EVERYWHERE, NEW_ADDRESS = "all", "new"
STAFF_SOURCE: Final = "STAFF"

_PROVEN = [one.value for one in Proof if one != Proof.WORDING]
_EVIDENCE = {
    "wording_shown": Proof.WORDING.value,
    **{name: name for name in _PROVEN},
    "policy_version": "policy_version",
    "evidence_url": "url",
}


class RecordConsentForm(FileForm):
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

    def __init__(
        self,
        data: Mapping[str, Any] | None,
        files: Any = None,
        *,
        contact: Contact | None,
    ) -> None:
        super().__init__(data, files)
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
        others = ("notice", *_EVIDENCE, *self._new_names, FILE)
        return [field for field in self if field.name not in others]

    @property
    def new_address_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self._new_names]

    @property
    def evidence_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("notice", *_EVIDENCE, FILE)]

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
        if data.get("action") == Action.OPT_OUT:
            self.go_without_file()
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

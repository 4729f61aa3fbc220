"""Receipts: every field of the standard, nothing made up, and what has happened since."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from config.home import BASE
from consents import ledger, receipts, sealing
from consents.errors import ConsentError
from consents.models import ConsentEvent, Contact, Purpose, Sender
from tests.consents.factories import (
    NUMBER,
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    StopFactory,
    ago,
)

SCHEMA = json.loads((BASE / "docs" / "receipt.schema.json").read_text())
PARTICULARS = {
    "legal_name": "Shop AB",
    "postal_address": "Storgatan 1, 111 22 Stockholm",
    "contact_details": "privacy@shop.example.com",
    "jurisdiction": "SE",
    "privacy_notice": "https://shop.example.com/privacy",
    "privacy_rights": "Write to us.",
    "withdrawal_method": "Reply STOP.",
    "storage_locations": "EU, Sweden",
    "recipients": "Messaging Provider AB",
}


def receipt(event: ConsentEvent) -> dict[str, Any]:
    made = receipts.receipt(receipts.lines().get(pk=event.pk))
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    jsonschema.Draft202012Validator(SCHEMA, format_checker=checker).validate(made)
    return json.loads(json.dumps(made))


def states(event: ConsentEvent) -> list[str]:
    return [one["event_state"] for one in receipt(event)["consent_record"]["events"]]


def unstated(event: ConsentEvent) -> list[str]:
    return receipts.unstated(receipts.lines().get(pk=event.pk))


@pytest.fixture
def shop(sender: Sender) -> Sender:
    """A sender of which all is stated."""
    for name, value in PARTICULARS.items():
        setattr(sender, name, value)
    sender.full_clean()
    sender.save()
    marketing = {"description": "Offers and news", "retention": "3 years after withdrawal"}
    Purpose.objects.filter(key="marketing").update(**marketing)
    return sender


def test_a_receipt_says_what_sender_and_purpose_state(shop: Sender) -> None:
    contact: Contact = ContactFactory(language="sv")
    event = OptInFactory(contact=contact, purpose="marketing")
    record = receipt(event)["consent_record"]
    [purpose] = record["pii_processing"]["purposes"]
    assert record["record_id"] == str(event.id)
    assert record["pii_principal_id"] == NUMBER
    assert record["pii_processing"]["language"] == "sv"
    assert purpose["purpose"] == "Offers and news"
    assert purpose["withdrawal_method"] == "Reply STOP."
    assert purpose["storage_locations"] == ["EU", "Sweden"]
    assert record["party_identification"][0]["party_name"] == "Shop AB"
    assert record["events"][0]["validity_duration"] == "until withdrawn"
    assert unstated(event) == []


def test_what_is_not_stated_is_said_not_to_be_and_named(sender: Sender) -> None:
    event = OptInFactory(purpose="marketing")
    made = receipt(event)
    assert made["consent_record"]["pii_processing"]["privacy_notice"] == "not stated"
    assert set(unstated(event)) == {
        *("party_address", "party_contact", "privacy_notice", "language", "storage_locations"),
        *("retention_period", "jurisdiction", "recipient_third_parties", "withdrawal_method"),
        "privacy_rights",
    }


def test_a_receipt_of_every_kind_of_address_and_door_fits_the_schema(sender: Sender) -> None:
    for channel, identity in [("EMAIL", "a@example.com"), ("TELEGRAM", "user-1"), ("SMS", NUMBER)]:
        receipt(OptInFactory(channel=channel, identity=identity))
    for origin in ("admin", "import", "dropin", "provider", "keyword", "preference_page"):
        receipt(OptInFactory(origin=origin))


def test_the_proof_comes_once_the_line_is_sealed(sender: Sender) -> None:
    event = OptInFactory()
    assert receipt(event)["proof"] is None
    list(sealing.seal())
    assert receipt(event)["proof"]["line"]["id"] == str(event.id)


@pytest.mark.parametrize("record", [OptOutFactory, StopFactory])
def test_there_is_no_receipt_for_anything_else(sender: Sender, record: Any) -> None:
    with pytest.raises(ConsentError) as refused:
        receipt(record())
    assert refused.value.code == "not_an_opt_in"


def test_a_receipt_has_the_wording_that_was_shown(sender: Sender) -> None:
    notice = NoticeFactory(language="sv", text="Skicka erbjudanden")
    event = OptInFactory(evidence={"notice": "banner"})
    processing = receipt(event)["consent_record"]["pii_processing"]
    assert processing["notice"] == {
        "key": "banner",
        "version": "1",
        "language": "sv",
        "sha256": notice.digest,
        "text": "Skicka erbjudanden",
    }
    assert processing["language"] == "sv"
    assert "language" not in unstated(event)


def test_a_receipt_without_a_notice_names_none(sender: Sender) -> None:
    event = OptInFactory(evidence={"wording": "Yes"})
    assert "notice" not in receipt(event)["consent_record"]["pii_processing"]


# --- what has happened since


def test_a_consent_that_stands_is_given(sender: Sender) -> None:
    OptOutFactory(occurred_at=ago(days=3))
    event = OptInFactory(purpose="marketing", occurred_at=ago(days=2))
    assert states(event) == ["given"]


@pytest.mark.parametrize("purpose", ["newsletter", "marketing", "all"])
def test_an_opt_out_of_it_or_of_what_covers_it_withdraws_it(sender: Sender, purpose: str) -> None:
    PurposeFactory(key="newsletter")
    event = OptInFactory(purpose="newsletter", occurred_at=ago(days=2))
    OptOutFactory(purpose=purpose, occurred_at=ago(days=1))
    assert states(event) == ["given", "withdrawn"]


def test_an_opt_out_of_something_else_does_not(sender: Sender) -> None:
    event = OptInFactory(purpose="marketing", occurred_at=ago(days=2))
    OptOutFactory(purpose="utility", occurred_at=ago(days=1))
    assert states(event) == ["given"]


def test_one_that_was_void_says_so(sender: Sender) -> None:
    event = OptInFactory()
    ledger.void(event, note="A mistake.", actor="")
    assert states(event) == ["given", "voided"]


def test_one_that_could_lift_nothing_is_without_effect(sender: Sender) -> None:
    OptOutFactory(occurred_at=ago(days=2))
    event = OptInFactory(origin="provider")
    assert states(event) == ["without effect"]

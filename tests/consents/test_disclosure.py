"""All that is known of a person is handed out, and it is noted who took it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.fernet import Fernet

from consents import attachments, disclosure, erasure, file_holder
from consents.commitments import commit_to_address, commit_to_detail
from consents.models import Contact, Disclosure
from tests.consents.attaching import LETTER, attachment
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    NoticeFactory,
    OptInFactory,
    ago,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sender")]

PROOF = {
    "ip": "192.0.2.77",
    "user_agent": "Nokia 3310",
    "evidence": {"wording": "Yes please"},
    "note": "rang us about it",
}


@pytest.fixture
def astrid(sender) -> Contact:
    contact: Contact = ContactFactory(external_id="crm-4711", display_name="Astrid")
    OptInFactory(contact=contact, **PROOF)
    MessageFactory(text="please stop writing")
    return contact


def file_of(contact: Contact) -> Any:
    """As it is after it has been sent as JSON."""
    return json.loads(json.dumps(disclosure.file_of(contact, actor="staff:1")))


def test_the_file_says_who_they_are_and_what_they_said(astrid):
    file = file_of(astrid)
    assert (file["contact"]["external_id"], file["contact"]["display_name"]) == (
        "crm-4711",
        "Astrid",
    )
    held = file["held"]
    assert [one["address"] for one in held["identities"]] == [NUMBER]
    assert [one["action"] for one in held["events"]] == ["opt_in", "window_opened", "held"]
    assert [(one["purpose"], one["state"]) for one in held["states"]] == [("all", "opted_in")]
    assert len(held["messages"]) == len(held["questions"]) == 1


def test_the_proof_of_each_line_is_there_and_its_hashes_can_be_checked(astrid):
    line = file_of(astrid)["held"]["events"][0]
    said = {name: line[name] for name in PROOF}
    assert said == PROOF
    salt, address_salt = bytes.fromhex(line["salt"]), bytes.fromhex(line["address_salt"])
    assert bytes.fromhex(line["detail_commitment"]) == commit_to_detail(salt, said)
    assert bytes.fromhex(line["address_commitment"]) == commit_to_address(
        address_salt, "WHATSAPP", NUMBER
    )


def test_the_exact_wording_that_they_were_shown_is_in_it_once(astrid):
    NoticeFactory(text="Send me offers")
    NoticeFactory(version="2", text="Never shown to Astrid", valid_from=ago(days=-1))
    for _ in range(2):
        OptInFactory(contact=astrid, evidence={"notice": "banner"})
    held = file_of(astrid)["held"]
    [notice] = held["notices"]
    assert (notice["version"], notice["text"]) == ("1", "Send me offers")
    named = [one["evidence"].get("notice") for one in held["events"]]
    assert [one["sha256"] for one in named if one] == [notice["sha256"]] * 2


def test_nothing_of_anybody_else_is_in_it(astrid):
    OptInFactory(identity=OTHER_NUMBER)
    assert OTHER_NUMBER not in json.dumps(file_of(astrid))


def test_whoever_takes_it_out_is_noted_and_stands_in_it(astrid):
    file_of(astrid)
    held = file_of(astrid)["held"]
    assert [one["actor"] for one in held["disclosures"]] == ["staff:1", "staff:1"]
    assert Disclosure.objects.filter(contact=astrid).count() == 2


def attach(astrid: Contact, content: bytes) -> None:
    event = OptInFactory(contact=astrid, origin="admin", note="came by post")
    attachments.attach(event, attachment(content, "Astrid.pdf"), actor="staff:1")


def test_a_small_file_is_handed_out_whole_and_a_large_one_is_named(astrid):
    attach(astrid, LETTER)
    attach(astrid, LETTER + b" " * file_holder.HANDED_OUT)
    small, large = file_of(astrid)["held"]["files"]
    assert base64.b64decode(small["content"]) == LETTER
    assert large["content"] is None
    assert (large["name"], large["size"]) == ("Astrid.pdf", len(LETTER) + file_holder.HANDED_OUT)
    assert len(bytes.fromhex(large["sha256"])) == 32


def test_a_file_that_cannot_be_read_is_named(astrid, settings):
    attach(astrid, LETTER)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    [file] = file_of(astrid)["held"]["files"]
    assert (file["name"], file["content"]) == ("Astrid.pdf", None)


def test_of_somebody_erased_it_says_no_more_than_is_left(astrid):
    attach(astrid, LETTER)
    erasure.erase(astrid, actor="staff:1")
    file = file_of(astrid)
    text = json.dumps(file)
    for word in (NUMBER, "Astrid", "crm-4711", *PROOF.values()):
        assert str(word) not in text
    assert [one["actor"] for one in file["held"]["erasures"]] == ["staff:1"]

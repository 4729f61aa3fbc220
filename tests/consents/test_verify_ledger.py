"""`seal_ledger` and `verify_ledger`, as an operator runs them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from consents import seal_keys
from consents.models import ConsentEvent, EventDetail, Seal, Sender
from tests.consents.factories import OptInFactory
from tests.consents.tampering import LEDGER, execute, rewrite, tampered
from tests.consents.tampering import with_all_power as with_all_power


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


def failing(*words: str) -> tuple[str, str]:
    """What is written, and what it ends with."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command(*words, stdout=out, stderr=out)
    assert caught.value.returncode == 1
    return out.getvalue(), str(caught.value)


def test_sealing_says_what_was_sealed(sender: Sender) -> None:
    OptInFactory()
    text = run("seal_ledger")
    assert "Seal 1: 1 line up to" in text
    assert Seal.objects.get().digest().hex() in text
    assert "0 lines not sealed" in run("seal_ledger")


def test_the_public_key_can_be_asked_for(sender: Sender) -> None:
    OptInFactory()
    assert run("seal_ledger", "--key").strip() == seal_keys.signing().public.hex()
    assert not Seal.objects.exists()


def test_a_file_of_seals_that_cannot_be_written_is_a_failure(
    sender: Sender, settings: Any, tmp_path: Path
) -> None:
    settings.LEDGER_ANCHOR_FILE = str(tmp_path)
    OptInFactory()
    _, end = failing("seal_ledger")
    assert "All is sealed, but" in end


def test_verifying_says_what_was_looked_at_and_what_is_not_sealed(sender: Sender) -> None:
    OptInFactory()
    run("seal_ledger")
    OptInFactory()
    text = run("verify_ledger", "--details")
    assert "1 line in 1 seal looked at; 1 line not sealed yet." in text
    assert "Everything is as it was sealed." in text


def test_verifying_names_the_first_bad_lines_and_fails(
    with_all_power: None, sender: Sender
) -> None:
    for _ in range(30):
        OptInFactory()
    run("seal_ledger")
    first = ConsentEvent.objects.order_by("seq").values_list("seq", flat=True)[0]
    with tampered():
        execute(f"UPDATE {LEDGER} SET source = 'X'")
        text, end = failing("verify_ledger")
    assert text.splitlines()[0] == f"Line {first} is not as it was sealed: it was changed."
    assert "… and 10 more." in text
    assert "30 findings" in end


def test_a_file_of_seals_is_compared(sender: Sender, settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_ANCHOR_FILE = str(tmp_path / "seals")
    OptInFactory()
    run("seal_ledger")
    run("verify_ledger", "--anchors", settings.LEDGER_ANCHOR_FILE)
    kept = tmp_path / "seals"
    kept.write_text(kept.read_text().replace('"count":1', '"count":2'))
    text, _ = failing("verify_ledger", "--anchors", str(kept))
    assert "Seal 1 is another one than was kept outside." in text


def test_a_file_of_seals_that_is_not_there_is_a_failure(sender: Sender, tmp_path: Path) -> None:
    _, end = failing("verify_ledger", "--anchors", str(tmp_path / "none"))
    assert "cannot be read" in end


# --- what is behind the commitments


@pytest.fixture
def event(with_all_power: None, sender: Sender) -> ConsentEvent:
    event = OptInFactory(
        evidence={"wording": "Yes"}, ip="192.0.2.1", user_agent="Browser", note="x"
    )
    run("seal_ledger")
    return event


@pytest.mark.parametrize(
    "change",
    [
        'UPDATE consents_eventdetail SET evidence = \'{"wording": "No"}\'',
        "UPDATE consents_eventdetail SET ip = '192.0.2.2'",
        "UPDATE consents_eventdetail SET user_agent = ''",
        "UPDATE consents_eventdetail SET note = 'y'",
        "UPDATE consents_eventdetail SET salt = 'other'",
        "UPDATE consents_eventdetail SET address_salt = 'other'",
        "UPDATE consents_channelidentity SET address = '46732002244'",
        "UPDATE consents_channelidentity SET channel = 'SMS'",
        "DELETE FROM consents_eventdetail",
    ],
)
def test_evidence_that_was_changed_is_found(event: ConsentEvent, change: str) -> None:
    with tampered():
        execute(change)
        assert "Everything is as it was sealed." in run("verify_ledger")
        text, _ = failing("verify_ledger", "--details")
        assert text.startswith(f"Line {event.seq}:")


def test_evidence_that_was_erased_is_no_finding(event: ConsentEvent) -> None:
    erased = {"ip": None, "user_agent": "", "evidence": {}, "note": "", "salt": None}
    with tampered():
        EventDetail.objects.update(**erased, address_salt=None, erased_at=event.recorded_at)
        execute("UPDATE consents_channelidentity SET address = NULL, lookup_key = NULL")
        assert "Everything is as it was sealed." in run("verify_ledger", "--details")


def test_a_commitment_in_the_line_cannot_be_made_to_fit(event: ConsentEvent) -> None:
    with tampered():
        rewrite(LEDGER, event.seq, detail_commitment=bytes(32))
        text, _ = failing("verify_ledger", "--details")
        assert "it was changed" in text
        assert "not what was committed to" in text

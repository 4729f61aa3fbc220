"""Files as evidence: kept with a line, held against their hash, forgotten with the person."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import DatabaseError, IntegrityError, connection, transaction

from consents import attachments, erasure, ledger, legal_holds, proofs, retention, sealing
from consents.attachments import Attachment, Look
from consents.commitments import commit_to_detail
from consents.errors import ConsentError
from consents.models import ConsentEvent, EvidenceFile, RetentionRule, Sender, Standing
from consents.receipts import lines
from tests.consents.attaching import KINDS, LETTER, attachment
from tests.consents.factories import (
    NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    ago,
)
from tests.consents.parallel import Worker, attempt_at_once, is_somebody_waiting, wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sender")]

HASH = sha256(LETTER).hexdigest()


def by_staff(**fields: Any) -> ConsentEvent:
    return OptOutFactory(origin="admin", actor="staff:7", **fields)


def with_letter(**fields: Any) -> ConsentEvent:
    """A line that came with its file, as a form writes it."""
    letter = attachment()
    event = by_staff(evidence=attachments.as_evidence(letter), **fields)
    attachments.keep(letter, event, actor="staff:7")
    return event


def attach(event: ConsentEvent, content: bytes = LETTER) -> EvidenceFile:
    return attachments.attach(event, attachment(content), actor="staff:8")


def stored(column: str = "content") -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM consents_evidencefile")
        return bytes(cursor.fetchone()[0])


def refusal(name: str, content: bytes, size: int | None = None) -> str:
    with pytest.raises(ConsentError) as refused:
        attachments.read(name, content, len(content) if size is None else size)
    assert refused.value.field == "file"
    return refused.value.code


# --- what is taken


@pytest.mark.parametrize("type", KINDS)
def test_each_kind_is_taken_whatever_it_is_called(type: str) -> None:
    assert attachments.read("x", KINDS[type], len(KINDS[type])).media_type == type


def test_what_is_empty_or_of_no_known_kind_is_refused() -> None:
    assert refusal("letter.pdf", b"") == "file_empty"
    assert refusal("letter.pdf", b"PK\x03\x04 renamed") == "file_unknown"


def test_what_is_too_large_is_refused_though_only_its_beginning_is_there(settings: Any) -> None:
    settings.EVIDENCE_FILE_MAX = len(LETTER)
    assert attachment().content == LETTER
    settings.EVIDENCE_FILE_MAX = len(LETTER) - 1
    assert refusal("letter.pdf", LETTER) == "file_too_large"
    settings.EVIDENCE_FILE_MAX = len(LETTER)
    assert refusal("letter.pdf", LETTER[:10], len(LETTER)) == "file_too_large"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("brev från Åsa.pdf", "brev från Åsa.pdf"),
        ("letter\r\nX-Evil: 1.pdf", "letterX-Evil: 1.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe.pdf"),
        ("nul\0.pdf", "nul.pdf"),
        ("half \ud800.pdf", "half .pdf"),
        ("a" * 300 + ".pdf", "a" * 251 + ".pdf"),
    ],
)
def test_a_name_is_kept_as_far_as_it_is_harmless(name: str, kept: str) -> None:
    assert attachments.read(name, LETTER, len(LETTER)).name == kept


# --- what is kept


def test_a_line_commits_to_the_file_that_it_came_with_and_not_to_its_name() -> None:
    event = with_letter()
    told = event.detail.evidence["file"]
    assert told == {"size": len(LETTER), "media_type": "application/pdf", "sha256": HASH}
    salt = bytes(event.detail.salt)
    assert commit_to_detail(salt, event.detail.committed()) == bytes(event.detail_commitment)
    assert attachments.named_in(event.detail.evidence) == bytes.fromhex(HASH)


def test_a_proof_for_others_tells_the_hash() -> None:
    event = with_letter()
    list(sealing.seal())
    assert HASH in str(proofs.prove(lines().get(pk=event.pk)))


def test_the_database_sees_the_content_only_encrypted() -> None:
    with_letter()
    assert b"Please stop" not in stored()
    assert not stored().startswith(b"%PDF")
    assert attachments.content_of(EvidenceFile.objects.get()) == LETTER


def test_lists_leave_the_contents_where_they_are(django_assert_num_queries: Any) -> None:
    with_letter()
    with django_assert_num_queries(1):
        [file] = EvidenceFile.objects.all()
        assert file.name == "letter.pdf"
    assert "content" in file.get_deferred_fields()


def test_a_file_that_came_with_lines_of_many_addresses_is_seen_at_each() -> None:
    contact = ContactFactory()
    for channel in ("WHATSAPP", "SMS"):
        OptInFactory(contact=contact, channel=channel, occurred_at=ago(days=1))
    letter = attachment()
    said = {"contact": contact, "action": "opt_out", "source": "LETTER", "origin": "admin"}
    recorded = ledger.record("default", **said, evidence=attachments.as_evidence(letter))
    attachments.keep(letter, recorded.event, actor="staff:7")
    assert len(recorded.events) == 2
    for event in recorded.events:
        assert [file.name for file in attachments.of(event)] == ["letter.pdf"]


def test_the_same_letter_of_somebody_else_is_not_shown_to_be_theirs() -> None:
    with_letter()
    other = with_letter(identity="46732002233")
    assert EvidenceFile.objects.count() == 2
    assert [file.event_id for file in attachments.of(other)] == [other.pk]


@pytest.mark.parametrize("told", ["a scan", {"sha256": "zz"}, {"sha256": 7}, ["x"], None])
def test_evidence_of_the_same_name_that_others_wrote_names_no_file(told: Any) -> None:
    event = OptInFactory(evidence={"file": told})
    assert attachments.named_in(event.detail.evidence) is None
    assert not attachments.of(event).exists()


# --- attached later


def test_a_file_attached_later_changes_no_line() -> None:
    event = by_staff(evidence={"wording": "No"})
    attach(event)
    event.detail.refresh_from_db()
    assert event.detail.evidence == {"wording": "No"}
    [file] = attachments.of(event)
    assert (file.added_by, file.size, file.erased_at) == ("staff:8", len(LETTER), None)


def test_the_very_same_file_is_attached_once() -> None:
    event = by_staff()
    attach(event)
    with pytest.raises(ConsentError) as refused:
        attach(event)
    assert refused.value.code == "already_attached"
    assert EvidenceFile.objects.count() == 1


def test_a_line_has_a_bounded_number_of_files() -> None:
    event = by_staff()
    for number in range(attachments.MOST):
        attach(event, f"page {number}".encode())
    with pytest.raises(ConsentError) as refused:
        attach(event, b"one more")
    assert refused.value.code == "too_many_files"


def test_only_what_staff_have_recorded_takes_a_file() -> None:
    MessageFactory(text="please stop sending me so many of these")
    held = ConsentEvent.objects.get(action="held")
    for event in (OptInFactory(), held):
        with pytest.raises(ConsentError) as refused:
            attach(event)
        assert refused.value.code == "not_by_staff"


def test_nothing_is_attached_to_what_was_forgotten() -> None:
    event = by_staff()
    erasure.erase(event.identity.contact, actor="staff:1")
    with pytest.raises(ConsentError) as refused:
        attach(event)
    assert refused.value.code == "erased"


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_attached_while_its_person_is_erased_goes_with_the_rest() -> None:
    event = by_staff()
    with transaction.atomic():
        attach(event)
        eraser = Worker(lambda: erasure.erase(event.identity.contact, actor="staff:1"))
        eraser.start()
        wait_until(is_somebody_waiting)
    assert eraser.finish().erasure.finished_at is not None
    assert left() == [("", None, None, True)]


@pytest.mark.django_db(transaction=True)
def test_of_several_who_attach_the_same_file_one_does() -> None:
    event = by_staff()
    results = attempt_at_once(*[lambda: attach(event)] * 3)
    refused = [one for one in results if not isinstance(one, EvidenceFile)]
    assert [one.code for one in refused] == ["already_attached"] * 2
    assert EvidenceFile.objects.count() == 1


# --- looked at again


def test_the_content_is_held_against_its_hash() -> None:
    with_letter()
    assert attachments.look(EvidenceFile.objects.get()) is Look.AGREES


def test_a_content_put_in_its_place_is_noticed() -> None:
    """By whoever rules over the database and has the key."""
    event = with_letter()
    file = EvidenceFile.objects.get()
    EvidenceFile.objects.filter(pk=file.pk).update(content=b"%PDF-1.7 something else")
    assert attachments.look(EvidenceFile.objects.get(pk=file.pk)) is Look.DIFFERS
    assert event.detail.evidence["file"]["sha256"] == HASH


def test_a_content_whose_key_is_missing_is_said_to_be_unreadable(settings: Any) -> None:
    with_letter()
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    file = EvidenceFile.objects.get()
    assert attachments.look(file) is Look.UNREADABLE
    with pytest.raises(ConsentError) as refused:
        attachments.content_of(file)
    assert refused.value.code == "unreadable"


def test_a_content_is_encrypted_anew_for_another_key(settings: Any) -> None:
    with_letter()
    new = Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, *settings.FIELD_ENCRYPTION_KEYS]
    file = EvidenceFile.objects.get()
    assert file.content
    file.save(update_fields=["content"])
    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert attachments.look(EvidenceFile.objects.get()) is Look.AGREES


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other.pdf"},
        {"size": 1},
        {"media_type": "text/plain"},
        {"sha256": bytes(32)},
        {"added_by": "staff:9"},
        {"created_at": ago(days=99)},
        {"event": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_the_database_lets_a_file_be_forgotten_and_never_rewritten(changes: Any) -> None:
    with_letter()
    with pytest.raises(DatabaseError), transaction.atomic():
        EvidenceFile.objects.update(**changes)
    with pytest.raises(DatabaseError), transaction.atomic():
        EvidenceFile.objects.all()._raw_delete("default")


def test_a_file_belongs_to_something() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        EvidenceFile.objects.create(
            media_type="text/plain",
            size=1,
            sha256=bytes(32),
            content=b"x",
            added_by="staff:1",
            created_at=ago(days=1),
        )


# --- forgotten


def left() -> list[tuple[Any, ...]]:
    files = EvidenceFile.objects.order_by("id")
    return [(file.name, file.sha256, file.content, bool(file.erased_at)) for file in files]


def test_a_file_is_forgotten_with_its_person() -> None:
    event = with_letter()
    attach(event, b"and another")
    erasure.erase(event.identity.contact, actor="staff:1")
    assert left() == [("", None, None, True)] * 2
    assert [attachments.look(file) for file in EvidenceFile.objects.all()] == [Look.FORGOTTEN] * 2
    erasure.erase(event.identity.contact, actor="staff:1")
    assert len(left()) == 2


def test_a_file_is_kept_as_long_as_the_evidence_of_its_line() -> None:
    RetentionRule.objects.create(kind="evidence", days=1000)
    event = with_letter()
    other = with_letter(identity="46732002233")
    gone = Standing.objects.filter(identity=event.identity)
    gone.update(last_recorded_at=ago(days=1001))
    assert retention.forget_old() == 1
    kept = {file.event_id: file.erased_at is None for file in EvidenceFile.objects.all()}
    assert kept == {event.pk: False, other.pk: True}


def test_a_legal_hold_keeps_it(sender: Sender) -> None:
    RetentionRule.objects.create(kind="evidence", days=1000)
    event = with_letter()
    Standing.objects.update(last_recorded_at=ago(days=1001))
    contact = event.identity.contact
    legal_holds.place(sender, contact, reason="case 7", actor="staff:1")
    assert retention.forget_old() == 0
    with pytest.raises(ConsentError):
        erasure.erase(contact, actor="staff:1")
    assert attachments.look(EvidenceFile.objects.get()) is Look.AGREES


# --- an opt-out does not fail with its file


def failing(file: Attachment | None) -> str:
    if file is not None:
        with connection.cursor() as cursor, transaction.atomic():
            cursor.execute("SELECT 1 / 0")
    return NUMBER


def test_what_the_database_does_not_take_with_its_file_is_done_without() -> None:
    assert attachments.or_without(failing, attachment()) == (NUMBER, False)
    assert attachments.or_without(failing, None) == (NUMBER, True)


def test_files_of_revocations_nobody_was_found_for_go_after_a_month(sender: Sender) -> None:
    """Those are tried with revocations; here, that nothing else goes with them."""
    with_letter()
    assert attachments.forget_unclaimed(timedelta(0)) == 0

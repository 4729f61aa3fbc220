"""What may be done with a file that was handed in, and when its contents are forgotten."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from consents.errors import ConsentError
from consents.importing import intake, pieces
from consents.importing.columns import Manner
from consents.models import ConsentEvent, ImportFile, Sender
from consents.vocabulary import FileStatus
from tests.consents.factories import ago
from tests.consents.importing.handed_in import (
    LIST,
    looked_at,
    receive,
    recorded,
    wanted,
    work,
)
from tests.consents.parallel import attempt_at_once

MONTH = timedelta(days=30)


def refusal(work: object) -> str:
    with pytest.raises(ConsentError) as caught:
        work()  # type: ignore[operator]
    return caught.value.code


def test_a_file_is_known_by_name_size_digest_and_who_handed_it_in(sender: Sender) -> None:
    file = receive(sender)
    file.refresh_from_db()
    assert (file.name, file.size, file.actor) == ("list.csv", len(LIST), "staff:7")
    assert bytes(file.sha256) == hashlib.sha256(LIST.encode()).digest()
    assert file.status == FileStatus.RECEIVED


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        ("identity\n1\n".encode("utf-16"), "utf16"),
        ("identity\n1\n".encode("utf-16-be"), "not_text"),
        (b"PK\x03\x04\x14\x00\x06\x00", "not_text"),
        (b"\x00" * 100, "not_text"),
    ],
)
def test_what_is_no_text_is_not_taken(sender: Sender, content: bytes, code: str) -> None:
    assert refusal(lambda: receive(sender, content)) == code
    assert not ImportFile.objects.exists()


def test_a_file_that_breaks_off_while_it_comes_in_leaves_nothing(sender: Sender) -> None:
    def broken() -> object:
        yield b"identity\n"
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - it is the one raised above
        intake.receive(sender, "list.csv", broken(), "")  # type: ignore[arg-type]
    assert not ImportFile.objects.exists()


def test_only_what_was_looked_at_is_recorded(sender: Sender) -> None:
    assert refusal(lambda: intake.record(receive(sender))) == "not_now"
    assert refusal(lambda: intake.record(wanted(sender))) == "not_now"


def test_what_is_being_recorded_is_not_read_otherwise(sender: Sender) -> None:
    file = looked_at(sender)
    intake.record(file)
    assert refusal(lambda: intake.look(file, Manner())) == "not_now"


@pytest.mark.parametrize("done", [recorded, lambda sender: cancelled(looked_at(sender))])
def test_what_has_ended_stays_so(sender: Sender, done: object) -> None:
    file = done(sender)  # type: ignore[operator]
    steps = (
        lambda: intake.look(file, Manner()),
        lambda: intake.record(file, again=True),
        lambda: intake.cancel(file),
    )
    assert [refusal(step) for step in steps] == ["not_now"] * 3


def cancelled(file: ImportFile) -> ImportFile:
    intake.cancel(file)
    return file


def test_a_cancelled_file_is_forgotten_at_once(sender: Sender) -> None:
    file = cancelled(looked_at(sender))
    assert file.status == FileStatus.CANCELLED
    assert pieces.parts(file) == set()
    assert not ConsentEvent.objects.exists()


def test_of_a_recorded_file_only_what_was_refused_is_kept(sender: Sender) -> None:
    assert pieces.parts(recorded(sender)) == {"invalid"}


def test_a_file_imported_before_is_recorded_only_when_that_is_meant(sender: Sender) -> None:
    recorded(sender)
    file = looked_at(sender)
    assert refusal(lambda: intake.record(file)) == "already_imported"
    intake.record(file, again=True)
    work()
    file.refresh_from_db()
    assert file.status == FileStatus.RECORDED


@pytest.mark.django_db(transaction=True)
def test_of_two_who_have_it_recorded_at_once_one_does(sender: Sender) -> None:
    file = looked_at(sender)
    copies = [ImportFile.objects.get(id=file.id) for _ in range(3)]
    results = attempt_at_once(*(lambda one=one: intake.record(one) for one in copies))
    assert sorted(isinstance(one, ConsentError) for one in results) == [False, True, True]


# --- forgetting


def handed_in_days_ago(file: ImportFile, days: int) -> ImportFile:
    ImportFile.objects.filter(id=file.id).update(received_at=ago(days=days))
    ImportFile.objects.filter(id=file.id, ended_at__isnull=False).update(ended_at=ago(days=days))
    return file


def test_old_files_are_forgotten_and_undecided_ones_cancelled(sender: Sender) -> None:
    old = [handed_in_days_ago(make(sender), 31) for make in (receive, looked_at, recorded)]
    assert intake.purge_files(MONTH) == 3
    assert intake.purge_files(MONTH) == 0
    for file in old:
        file.refresh_from_db()
        assert pieces.parts(file) == set()
    assert [file.status for file in old] == ["cancelled", "cancelled", "recorded"]


def test_young_files_and_those_at_work_are_kept(sender: Sender) -> None:
    handed_in_days_ago(receive(sender), 29)
    handed_in_days_ago(wanted(sender), 31)
    assert intake.purge_files(MONTH) == 0

"""The worker at files: one at a time, resumed after whatever happens, never twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event

import pytest
from django.db import Error, connection

from consents.importing import applying, background, checking, intake, pieces, runs
from consents.importing.columns import Manner
from consents.models import ConsentEvent, ImportFile, ImportRun, Sender
from consents.signals import lines_recorded
from consents.vocabulary import FileStatus
from tests.consents.factories import NUMBER, OptOutFactory
from tests.consents.importing.handed_in import LIST, ROWS, looked_at, recorded, wanted, work
from tests.consents.importing.lists import csv_text
from tests.consents.parallel import attempt_at_once, lose_the_connection

pytestmark = pytest.mark.django_db

Chunks = Callable[[int], None]


def sheet(file: ImportFile, part: str) -> list[list[str]]:
    text = b"".join(pieces.read(file, part)).decode()
    return list(csv.reader(io.StringIO(text, newline="")))


def again(file: ImportFile) -> ImportFile:
    return ImportFile.objects.select_related("run").get(id=file.id)


def test_nothing_to_do_is_nothing_found(sender: Sender) -> None:
    assert work() == 0


def test_a_file_is_looked_at_and_nothing_recorded(sender: Sender) -> None:
    file = looked_at(sender)
    assert (file.status, file.counts) == (FileStatus.CHECKED, {"new": ROWS - 1, "invalid": 1})
    assert (file.position, file.run) == (file.size, None)
    [header, row] = sheet(file, "invalid")
    assert header == ["row", "why", "identity", "source", "action"]
    assert (row[0], row[2]) == (str(ROWS), "no number")
    assert len(sheet(file, "new")) == ROWS
    assert not ConsentEvent.objects.exists()


def test_a_file_is_recorded_in_the_name_of_who_handed_it_in(sender: Sender) -> None:
    file = again(recorded(sender))
    assert file.status == FileStatus.RECORDED
    assert file.run is not None
    assert (file.run.file_name, file.run.actor) == ("list.csv", "staff:7")
    assert file.run.counts == {"changed": ROWS - 1, "invalid": 1}
    assert file.run.finished_at
    assert bytes(file.run.sha256) == bytes(file.sha256)
    assert ConsentEvent.objects.filter(actor=f"import:{file.run.id}").count() == ROWS - 1


def test_a_file_that_cannot_be_read_so_says_why(sender: Sender) -> None:
    file = wanted(sender, LIST, Manner(columns={"telephone": "identity"}))
    assert work() == 1
    file = again(file)
    assert (file.status, file.trouble_code) == (FileStatus.FAILED, "unknown_column")
    intake.look(file, Manner())
    work()
    assert again(file).status == FileStatus.CHECKED


@pytest.mark.parametrize("made", [wanted, looked_at])
def test_a_file_removed_in_between_is_told(
    sender: Sender, made: Callable[[Sender], ImportFile]
) -> None:
    file = made(sender)
    if made is looked_at:
        intake.record(file)
    pieces.forget(file)
    work()
    assert (again(file).status, again(file).trouble_code) == (FileStatus.FAILED, "file_gone")
    assert not ConsentEvent.objects.exists()


def test_a_mistake_of_ours_is_told_without_quoting_the_rows(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> Iterator[object]:
        raise ValueError(NUMBER)

    monkeypatch.setattr(checking, "check", broken)
    file = wanted(sender)
    work()
    assert again(file).trouble_code == "internal_error"
    assert "ValueError" in caplog.text
    assert NUMBER not in caplog.text + again(file).trouble


def test_a_full_disk_is_told_and_the_file_can_be_looked_at_again(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    file = wanted(sender)
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.TemporaryFile", full)
        work()
    assert (again(file).status, again(file).trouble_code) == (FileStatus.FAILED, "no_room")
    intake.look(file, Manner())
    work()
    assert again(file).status == FileStatus.CHECKED


# --- while it is at work


@contextmanager
def after_chunk(at: int, act: Callable[[], object]) -> Iterator[None]:
    """Something happens while the lines of this chunk are being written."""
    written = 0

    def acts(**_: object) -> None:
        nonlocal written
        written += 1
        if written == at:
            act()

    lines_recorded.connect(acts)
    try:
        yield
    finally:
        lines_recorded.disconnect(acts)


def test_a_cancelled_recording_stops_between_chunks(sender: Sender, chunks_of: Chunks) -> None:
    chunks_of(3)
    file = looked_at(sender)
    intake.record(file)
    with after_chunk(2, lambda: intake.cancel(again(file))):
        work()
    file = again(file)
    assert file.status == FileStatus.CANCELLED
    assert file.run is not None
    assert (file.run.rows, file.run.finished_at) == (6, None)
    assert ConsentEvent.objects.count() == 6
    assert pieces.parts(file) == {"invalid"}


def test_a_cancelled_recording_goes_on_when_the_file_is_handed_in_again(
    sender: Sender, chunks_of: Chunks
) -> None:
    chunks_of(3)
    file = looked_at(sender)
    intake.record(file)
    with after_chunk(2, lambda: intake.cancel(again(file))):
        work()
    whole = again(recorded(sender))
    assert whole.run == again(file).run
    assert ConsentEvent.objects.count() == ROWS - 1


def test_a_worker_told_to_stop_leaves_the_rest_to_the_next(
    sender: Sender, chunks_of: Chunks
) -> None:
    chunks_of(3)
    file = looked_at(sender)
    intake.record(file)
    stop = Event()
    with after_chunk(1, stop.set):
        background.step(stop)
    assert again(file).status == FileStatus.RECORDING
    assert ConsentEvent.objects.count() == 3
    work()
    assert again(file).status == FileStatus.RECORDED
    assert ConsentEvent.objects.count() == ROWS - 1


def test_looking_that_is_not_wanted_any_more_is_given_up(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = wanted(sender)
    check = checking.check

    def overtaken(*args: object) -> object:
        monkeypatch.setattr(checking, "check", check)
        intake.look(again(file), Manner(defaults={"purpose": "marketing"}))
        return check(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(checking, "check", overtaken)
    assert work() == 2
    assert again(file).manner["defaults"] == {"purpose": "marketing"}
    assert again(file).status == FileStatus.CHECKED


@pytest.mark.parametrize("at", ["begin", "finish"])
def test_a_worker_that_dies_at_either_end_records_nothing_twice(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    file = looked_at(sender)
    intake.record(file)
    done = getattr(runs, at)

    def dies(*args: object, **kw: object) -> object:
        done(*args, **kw)
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(runs, at, dies)
        with pytest.raises(SystemExit):
            work()
    assert again(file).status == FileStatus.RECORDING
    work()
    assert again(file).status == FileStatus.RECORDED
    assert ImportRun.objects.count() == 1
    assert ConsentEvent.objects.count() == ROWS - 1


def test_a_file_recorded_elsewhere_in_between_is_not_recorded_again(sender: Sender) -> None:
    file, twin = looked_at(sender), looked_at(sender)
    for one in (file, twin):
        intake.record(one)
    assert work() == 2
    assert again(file).status == FileStatus.RECORDED
    assert (again(twin).status, again(twin).trouble_code) == (
        *(FileStatus.CHECKED, "already_imported"),
    )
    assert ConsentEvent.objects.count() == ROWS - 1


def test_an_opt_out_that_comes_after_the_looking_counts(sender: Sender) -> None:
    file = looked_at(sender)
    OptOutFactory()
    intake.record(file)
    work()
    run = again(file).run
    assert run is not None
    assert run.counts == {"changed": ROWS - 2, "would_resurrect": 1, "invalid": 1}


# --- killed over the same file


def fatal(*_: object) -> None:
    """Whoever comes here is killed: nothing more is written down."""
    raise SystemExit


def die(times: int) -> None:
    for _ in range(times):
        with pytest.raises(SystemExit):
            work()


def test_a_file_that_kills_who_looks_at_it_is_left_alone(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, other = wanted(sender), wanted(sender, csv_text("identity", [NUMBER]))
    with monkeypatch.context() as patch:
        patch.setattr(checking, "check", fatal)
        die(intake.TAKEN_UP_AT_MOST)
    assert work() == 2
    assert (again(file).status, again(file).trouble_code) == (FileStatus.FAILED, "cut_short")
    assert again(file).trouble.startswith("Work on this file was cut short 3 times")
    assert again(other).status == FileStatus.CHECKED
    intake.look(file, Manner())
    work()
    assert again(file).status == FileStatus.CHECKED


def test_a_file_with_a_row_that_kills_is_left_alone_and_can_go_on_behind_the_last_chunk(
    sender: Sender, chunks_of: Chunks
) -> None:
    chunks_of(3)
    file = looked_at(sender)
    intake.record(file)
    for at in [2, *[1] * (intake.TAKEN_UP_AT_MOST - 1)]:
        with after_chunk(at, fatal):
            die(1)
    work()
    file = again(file)
    assert (file.status, file.trouble_code) == (FileStatus.FAILED, "cut_short")
    assert file.run is not None
    assert file.run.rows == ConsentEvent.objects.count() == 3
    run = file.run
    intake.look(file, Manner())
    work()
    intake.record(again(file))
    work()
    assert (again(file).status, again(file).run) == (FileStatus.RECORDED, run)
    assert ConsentEvent.objects.count() == ROWS - 1


def test_a_worker_that_is_killed_but_gets_further_each_time_comes_to_the_end(
    sender: Sender, chunks_of: Chunks
) -> None:
    chunks_of(2)
    file = looked_at(sender)
    intake.record(file)
    kills = 0
    while again(file).status == FileStatus.RECORDING:
        with after_chunk(2, fatal), suppress(SystemExit):
            kills += 1
            work()
    assert kills > intake.TAKEN_UP_AT_MOST + 1
    assert again(file).status == FileStatus.RECORDED
    assert ConsentEvent.objects.count() == ROWS - 1


def test_a_worker_that_stops_as_it_is_told_may_stop_as_often_as_it_likes(sender: Sender) -> None:
    file = wanted(sender)
    stop = Event()
    stop.set()
    for _ in range(intake.TAKEN_UP_AT_MOST + 1):
        assert background.step(stop)
    assert again(file).status == FileStatus.CHECKING
    work()
    assert again(file).status == FileStatus.CHECKED


# --- with real transactions


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_records_a_file(sender: Sender, chunks_of: Chunks) -> None:
    chunks_of(2)
    file = looked_at(sender)
    intake.record(file)
    results = attempt_at_once(*[work] * 3)
    assert sum(results) == 1
    assert again(file).status == FileStatus.RECORDED
    assert ConsentEvent.objects.count() == ROWS - 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at", [1, 3])
def test_a_connection_lost_in_between_loses_and_doubles_nothing(
    sender: Sender, chunks_of: Chunks, at: int
) -> None:
    chunks_of(3)
    file = looked_at(sender)
    intake.record(file)
    with after_chunk(at, lose_the_connection), pytest.raises(Error):
        work()
    connection.close()
    assert again(file).status == FileStatus.RECORDING
    work()
    assert again(file).status == FileStatus.RECORDED
    assert ConsentEvent.objects.count() == ROWS - 1


@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_elsewhere_waits_and_keeps_no_other_waiting(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = looked_at(sender)
    intake.record(elsewhere)
    other = wanted(sender, csv_text("identity", [NUMBER]))

    def overtaken(run: ImportRun) -> ImportRun:
        ImportRun.objects.filter(id=run.id).update(position=1)
        return hold(run)

    hold = runs.hold
    with monkeypatch.context() as patch:
        patch.setattr(applying.runs, "hold", overtaken)
        assert work() == 1
    assert again(elsewhere).status == FileStatus.RECORDING
    assert again(other).status == FileStatus.CHECKED

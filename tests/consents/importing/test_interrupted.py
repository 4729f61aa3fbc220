"""Others in between, and a database that goes away: with real transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import Error, OperationalError, connection, transaction

from consents.errors import ConsentError
from consents.importing import applying, runs
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.models import (
    ChannelIdentity,
    ConsentEvent,
    Contact,
    EventDetail,
    ImportRun,
    Sender,
    Standing,
)
from consents.signals import lines_recorded
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    StopFactory,
    british_number,
    state_of,
)
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import recorded
from tests.consents.parallel import (
    Worker,
    attempt_at_once,
    is_somebody_waiting,
    lose_the_connection,
    wait_until,
)

pytestmark = pytest.mark.django_db(transaction=True)

Chunks = Callable[[int], None]

ROWS = 12


@pytest.fixture
def file(tmp_path: Path, chunks_of: Chunks) -> Source:
    """A list of four chunks, a contact of its own for each row."""
    chunks_of(3)
    return owned(tmp_path, *((british_number(at), f"crm-{at}") for at in range(ROWS)))


def owned(directory: Path, *rows: tuple[str, str]) -> Source:
    text = [f"{number},{external_id},CRM" for number, external_id in rows]
    return source(directory, csv_text("identity,external_id,source", text))


def imported_rows() -> list[int]:
    details = EventDetail.objects.values_list("evidence__import__row", flat=True)
    return sorted(row for row in details if row is not None)


def assert_whole() -> None:
    """Every row is recorded, once."""
    assert imported_rows() == list(range(1, ROWS + 1))
    run = ImportRun.objects.get()
    assert (run.rows, run.counts) == (ROWS, {"changed": ROWS})
    assert run.finished_at
    assert sorted(run.chunks.values_list("rows", flat=True)) == [3] * 4


# --- two at once


def test_of_two_who_record_a_run_at_once_one_goes_on(sender: Sender, file: Source) -> None:
    results = attempt_at_once(*[lambda: recorded(sender, file)] * 2)
    refusals = [one for one in results if isinstance(one, ConsentError)]
    assert [one.code for one in refusals] in (["import_elsewhere"], [])
    assert len([one for one in results if isinstance(one, ImportRun)]) == 2 - len(refusals)
    assert_whole()


def test_whoever_comes_while_a_chunk_is_written_waits_and_is_refused(
    sender: Sender, file: Source
) -> None:
    with somebody_records(sender, file) as first:
        second = Worker(lambda: recorded(sender, file))
        second.start()
        wait_until(is_somebody_waiting)
        first.recorded()
    refused = second.finish()
    assert isinstance(refused, ConsentError)
    assert refused.code == "import_elsewhere"
    recorded(sender, file)
    assert_whole()


class Somebody:
    """Has the run in hand, in a transaction that is still open."""

    def __init__(self, run: ImportRun, file: Source, reader: Reader) -> None:
        self._run, self._file, self._reader = run, file, reader
        runs.hold(run)

    def recorded(self) -> None:
        """Records the first chunk."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(applying, "chunks", lambda *args: iter([next(chunks(*args))]))
            patch.setattr(runs, "finish", lambda run: None)
            applying.apply(self._run, self._file, self._reader, lambda _: None)


chunks = applying.chunks


@contextmanager
def somebody_records(sender: Sender, file: Source) -> Iterator[Somebody]:
    reader = Reader(Manner(), file.header)
    run = runs.begin(sender, file, reader.manner, "test")
    with transaction.atomic():
        yield Somebody(run, file, reader)


# --- others in between


def while_it_waits(work: Callable[[], Any], hold: Callable[[], Any]) -> Any:
    """What came of `work`, which had to wait for a transaction that did `hold`."""
    worker = Worker(work)
    with transaction.atomic():
        hold()
        worker.start()
        wait_until(is_somebody_waiting)
    return worker.finish()


def test_a_contact_made_by_somebody_else_in_the_same_moment_is_taken(
    sender: Sender, tmp_path: Path
) -> None:
    file = owned(tmp_path, (NUMBER, "crm-1"), (OTHER_NUMBER, "crm-2"))
    run = while_it_waits(
        lambda: recorded(sender, file),
        hold=lambda: ContactFactory(external_id="crm-2", display_name="Theirs"),
    )
    assert run.counts == {"changed": 2}
    found = Contact.objects.order_by("external_id")
    assert list(found.values_list("external_id", "display_name")) == [
        *(("crm-1", ""), ("crm-2", "Theirs")),
    ]
    assert [one.identities.get().address for one in found] == [NUMBER, OTHER_NUMBER]


def test_a_stranger_who_comes_in_the_same_moment_becomes_the_contact(
    sender: Sender, tmp_path: Path
) -> None:
    file = owned(tmp_path, (NUMBER, "crm-1"), (OTHER_NUMBER, "crm-2"))
    run = while_it_waits(lambda: recorded(sender, file), hold=lambda: StopFactory())
    assert run.counts == {"would_resurrect": 1, "changed": 1}
    identity = ChannelIdentity.objects.get(address=NUMBER)
    assert (identity.contact.external_id, state_of()) == ("crm-1", "opted_out")
    assert ConsentEvent.objects.filter(action="identity_moved").count() == 1
    assert Contact.objects.count() == 2


def test_an_identity_that_becomes_somebody_elses_in_the_same_moment_stays_theirs(
    sender: Sender, tmp_path: Path
) -> None:
    file = owned(tmp_path, (NUMBER, "crm-1"), (OTHER_NUMBER, "crm-2"))
    theirs = ContactFactory(external_id="crm-3")
    run = while_it_waits(
        lambda: recorded(sender, file), hold=lambda: OptInFactory(contact=theirs, source="THEIRS")
    )
    assert run.counts == {"invalid": 1, "changed": 1}
    assert ChannelIdentity.objects.get(address=NUMBER).contact == theirs
    assert not Contact.objects.filter(external_id="crm-1").exists()


def test_a_deadlock_takes_the_chunk_back_and_it_is_written_after_all(
    sender: Sender, file: Source
) -> None:
    numbers = [british_number(at) for at in range(2)]
    for at, number in enumerate(numbers):
        OptInFactory(identity=number, contact=ContactFactory(external_id=f"crm-{at}"))
    found = ChannelIdentity.objects.filter(address__in=numbers).order_by("id")
    first, second = found.values_list("id", flat=True)
    with transaction.atomic():
        [_] = Standing.objects.locked([second])
        worker = Worker(lambda: recorded(sender, file))
        worker.start()
        wait_until(is_somebody_waiting)
        # It has waited longer, so that it is the one that is ended.
        [_] = Standing.objects.locked([first])
    run = worker.finish()
    assert run.counts == {"no_change": 2, "changed": ROWS - 2}
    assert imported_rows() == list(range(1, ROWS + 1))


def test_who_is_always_overtaken_gives_up_and_leaves_nothing_half_done(
    sender: Sender, file: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    def overtake(*_: Any) -> None:
        nonlocal tries
        tries += 1
        error: Any = OperationalError("deadlock detected")
        error.sqlstate = "40P01"
        raise error

    monkeypatch.setattr(runs, "advance", overtake)
    with pytest.raises(OperationalError):
        recorded(sender, file)
    assert (tries, imported_rows()) == (applying.TRIES, [])


# --- a connection that is lost


@contextmanager
def losing_the_connection(at: int) -> Iterator[None]:
    """While this chunk is written."""
    written = 0

    def lose(**_: Any) -> None:
        nonlocal written
        written += 1
        if written == at:
            lose_the_connection()

    lines_recorded.connect(lose)
    yield
    lines_recorded.disconnect(lose)


@pytest.mark.parametrize("at", [1, 2, 4])
def test_a_connection_lost_within_a_chunk_is_told_and_the_import_goes_on_when_begun_again(
    sender: Sender, file: Source, at: int
) -> None:
    with losing_the_connection(at), pytest.raises(Error):
        recorded(sender, file)
    connection.close()
    assert imported_rows() == list(range(1, 3 * (at - 1) + 1))
    recorded(sender, file)
    assert_whole()


def test_a_connection_lost_between_two_chunks_is_found_anew(sender: Sender, file: Source) -> None:
    reader = Reader(Manner(), file.header)
    run = runs.begin(sender, file, reader.manner, "test")
    lost: list[int] = []

    def lose(run: ImportRun) -> None:
        if run.rows == 6 and not lost:
            lost.append(run.rows)
            lose_the_connection()

    with pytest.raises(Error):
        applying.apply(run, file, reader, lose)
    connection.close()
    recorded(sender, file)
    assert_whole()


# --- a file that is not the same any more


def test_a_file_that_grows_while_it_is_recorded_stops_the_run(
    sender: Sender, tmp_path: Path, chunks_of: Chunks
) -> None:
    chunks_of(1)
    file = owned(tmp_path, *((british_number(at), "") for at in range(9)))
    content = file.path.read_bytes()

    def grow(run: ImportRun) -> None:
        if run.rows == 1:
            file.path.write_bytes(content + content)

    reader = Reader(Manner(), file.header)
    run = runs.begin(sender, file, reader.manner, "test")
    with pytest.raises(ConsentError) as caught:
        applying.apply(run, file, reader, grow)
    assert caught.value.code == "file_changed"
    run.refresh_from_db()
    assert 0 < run.rows < 9
    # Put back as it was it goes on; as it is now it is another.
    assert recorded(sender, Source(file.path)) != run
    file.path.write_bytes(content)
    assert recorded(sender, Source(file.path)) == run

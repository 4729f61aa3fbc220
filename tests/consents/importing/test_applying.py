"""Recording a file: the very rows that the ledger's own path for many writes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from consents.batch import people, recording, staging
from consents.importing import apart, applying, runs, whose
from consents.importing import rows as importing_rows
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.models import (
    ChannelIdentity,
    ConsentEvent,
    Contact,
    EventDetail,
    ImportRun,
    Purpose,
    Sender,
)
from tests.consents.books import by_the_general_path, everything, may_write
from tests.consents.conftest import Counts
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    british_number,
)
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import (
    Act,
    Line,
    confirmed,
    files,
    pasts,
    pasts_with_erasures,
    prepare,
    recorded,
    some,
    written,
)

Rolled = Callable[[], AbstractContextManager[None]]
Chunks = Callable[[int], None]


def by_import(sender: Sender, file: Source) -> None:
    recorded(sender, file)


def by_the_ledger(sender: Sender, file: Source) -> None:
    """The same chunks, every row of them by the path for one statement after another."""
    with pytest.MonkeyPatch.context() as patch, by_the_general_path():
        patch.setattr(importing_rows, "may_concern_others", lambda row: True)
        patch.setattr(whose, "apart", lambda sender, rows: rows)
        recorded(sender, file)


def left_by(
    way: Callable[[Sender, Source], None],
    past: Sequence[Act],
    file: Source,
    rolled_back: Rolled,
    confirmed: Sequence[str] = (),
) -> dict[str, Any]:
    with rolled_back():
        way(prepare(past, confirmed), file)
        return everything()


@some
@given(
    past=pasts,
    rows=files,
    chunk=st.sampled_from([1, 2, 3, 5, 100]),
    confirmed=st.just(()) | confirmed,
)
def test_an_import_writes_what_the_ledgers_own_path_writes(
    sender: Sender,
    rolled_back: Rolled,
    chunks_of: Chunks,
    tmp_path: Path,
    past: list[Act],
    rows: list[Line],
    chunk: int,
    confirmed: tuple[str, ...],
) -> None:
    chunks_of(chunk)
    file = written(tmp_path, rows)
    expected = left_by(by_the_ledger, past, file, rolled_back, confirmed)
    assert left_by(by_import, past, file, rolled_back, confirmed) == expected


def people_left_by(
    way: Callable[[Sender, Source], None],
    past: Sequence[Act],
    file: Source,
    rolled_back: Rolled,
    confirmed: Sequence[str] = (),
) -> list[Any]:
    """Who is known by what, what is kept about their lines, and how they stand."""
    with rolled_back():
        way(prepare(past, confirmed), file)
        lines = EventDetail.objects.exclude(event__action="identity_moved")
        return [
            dict(ImportRun.objects.get().counts),
            *(
                (one.address, one.standing.erased_at is None, one.standing.may_write)
                for one in ChannelIdentity.objects.order_by("digest").select_related("standing")
            ),
            sorted(
                (bytes(one.event.identity.digest), one.salt is None, one.erased_at is None)
                for one in lines.select_related("event__identity")
            ),
            sorted(Contact.objects.values_list("display_name", flat=True)),
        ]


@some
@given(
    past=pasts_with_erasures,
    rows=files,
    chunk=st.sampled_from([1, 2, 5, 100]),
    confirmed=st.just(()) | confirmed,
)
def test_an_import_treats_people_who_were_erased_as_the_ledgers_own_path_does(
    sender: Sender,
    rolled_back: Rolled,
    chunks_of: Chunks,
    tmp_path: Path,
    past: list[Act],
    rows: list[Line],
    chunk: int,
    confirmed: tuple[str, ...],
) -> None:
    chunks_of(chunk)
    file = written(tmp_path, rows)
    expected = people_left_by(by_the_ledger, past, file, rolled_back, confirmed)
    assert people_left_by(by_import, past, file, rolled_back, confirmed) == expected


# --- stopped in between


def stopped_after(sender: Sender, file: Source, chunks: int) -> None:
    """Records the file, and is stopped once so many chunks are committed."""
    left = chunks

    def stop(_: ImportRun) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise InterruptedError

    run, reader = begun(sender, file)
    with suppress(InterruptedError):
        applying.apply(run, file, reader, stop)


STEPS = (
    (staging, "stage"),
    (staging, "leave_out"),
    (people, "settle"),
    (recording, "record_staged"),
    (apart, "record"),
    (runs, "advance"),
)
"""Of a chunk, one after the other."""


def stopped_behind(
    sender: Sender, file: Source, chunks: int, module: Any = runs, step: str = "advance"
) -> None:
    """Records the file, and is stopped behind this step of the next chunk, which is in vain."""
    take, left = getattr(module, step), chunks

    def stop(*given: Any, **named: Any) -> Any:
        nonlocal left
        result = take(*given, **named)
        left -= 1
        if left < 0:
            raise InterruptedError
        return result

    run, reader = begun(sender, file)
    with suppress(InterruptedError), pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, step, stop)
        applying.apply(run, file, reader, lambda _: None)


def begun(sender: Sender, file: Source) -> tuple[ImportRun, Reader]:
    reader = Reader(Manner(), file.header)
    return runs.begin(sender, file, reader.manner, "test"), reader


@some
@given(
    past=pasts,
    rows=files,
    chunk=st.sampled_from([1, 2, 3]),
    stops=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    stopped=st.sampled_from(
        [stopped_after, *(partial(stopped_behind, module=one, step=step) for one, step in STEPS)]
    ),
)
def test_an_import_that_is_stopped_and_goes_on_ends_as_if_it_had_not_been(
    sender: Sender,
    rolled_back: Rolled,
    chunks_of: Chunks,
    tmp_path: Path,
    past: list[Act],
    rows: list[Line],
    chunk: int,
    stops: list[int],
    stopped: Callable[[Sender, Source, int], None],
) -> None:
    def by_halves(sender: Sender, file: Source) -> None:
        for chunks in stops:
            if not ImportRun.objects.exclude(finished_at=None).exists():
                stopped(sender, file, chunks)
        if not ImportRun.objects.exclude(finished_at=None).exists():
            recorded(sender, file)

    chunks_of(chunk)
    file = written(tmp_path, rows)
    expected = left_by(by_import, past, file, rolled_back)
    assert left_by(by_halves, past, file, rolled_back) == expected


def test_a_chunk_that_fails_leaves_nothing_of_itself(
    sender: Sender, tmp_path: Path, chunks_of: Chunks, counts: Callable[[], Counts]
) -> None:
    chunks_of(2)
    rows = [f"{british_number(at)},crm-{at},CRM" for at in range(5)]
    file = source(tmp_path, csv_text(f"{OWNED},source", rows))
    stopped_behind(sender, file, 1)
    run = ImportRun.objects.get()
    assert (run.rows, run.counts, run.finished_at) == (2, {"changed": 2}, None)
    assert {name: count for name, count in counts().items() if count} == dict.fromkeys(
        ("ChannelIdentity", "Consent", "ConsentEvent", "Contact", "EventDetail", "Standing"), 2
    )


# --- what is written of each row


OWNED = "identity,external_id"


def by_owner(sender: Sender, directory: Path, rows: list[str], header: str = OWNED) -> ImportRun:
    return recorded(
        sender,
        source(directory, csv_text(f"{header},source", [f"{row},CRM" for row in rows])),
    )


def test_every_line_names_its_run_its_file_and_its_row(
    sender: Sender, tmp_path: Path, chunks_of: Chunks
) -> None:
    chunks_of(2)
    rows = ["447700900000,", "broken", "447700900002,crm-1", "447700900003,crm-1"]
    # The third joins a contact that is known by then, and goes another way.
    run = by_owner(sender, tmp_path, rows)
    digest = hashlib.sha256((tmp_path / "list.csv").read_bytes()).hexdigest()
    lines = ConsentEvent.objects.select_related("detail", "identity").order_by("identity__address")
    assert [line.detail.evidence for line in lines] == [
        {"import": {"run": str(run.id), "file_sha256": digest, "row": row}} for row in (1, 3, 4)
    ]
    assert {(line.actor, line.origin) for line in lines} == {(f"import:{run.id}", "import")}
    assert bytes(run.sha256).hex() == digest


def test_a_chunk_names_the_first_and_last_of_its_lines(
    sender: Sender, tmp_path: Path, chunks_of: Chunks
) -> None:
    chunks_of(2)
    rows = [f"{british_number(at)}," for at in range(4)]
    run = by_owner(sender, tmp_path, [*rows[:3], "broken", "broken", rows[3]])
    seqs = sorted(ConsentEvent.objects.values_list("seq", flat=True))
    chunks = run.chunks.order_by("position").values_list("rows", "first_seq", "last_seq")
    assert list(chunks) == [(2, seqs[0], seqs[1]), (2, seqs[2], seqs[2]), (2, seqs[3], seqs[3])]
    assert (run.rows, run.position, run.counts) == (6, run.size, {"changed": 4, "invalid": 2})


def test_chunks_without_a_line_name_none(sender: Sender, tmp_path: Path) -> None:
    run = by_owner(sender, tmp_path, ["broken", "no number,crm-1"])
    assert list(run.chunks.values_list("rows", "first_seq", "last_seq")) == [(2, None, None)]


def test_an_empty_list_is_recorded_too(sender: Sender, tmp_path: Path) -> None:
    run = by_owner(sender, tmp_path, [])
    assert (run.rows, run.counts, run.chunks.count()) == (0, {}, 0)
    assert run.finished_at


# --- whose they are


NAMED = "identity,external_id,display_name,language"


def test_a_new_contact_is_called_what_its_first_row_says(
    sender: Sender, tmp_path: Path, chunks_of: Chunks
) -> None:
    ContactFactory(external_id="crm-2", display_name="Bo")
    for chunk in (1, 10):
        chunks_of(chunk)
        rows = [
            *(f"{british_number(chunk)},crm-{chunk},Astrid,sv", f"{NUMBER},crm-2,Other,de"),
            *(f"{british_number(chunk + 100)},crm-{chunk},Asa,", f"{OTHER_NUMBER},crm-2,,"),
        ]
        by_owner(sender, tmp_path, rows, NAMED)
    found = Contact.objects.order_by("external_id")
    assert list(found.values_list("external_id", "display_name", "language")) == [
        *(("crm-1", "Astrid", "sv"), ("crm-10", "Astrid", "sv"), ("crm-2", "Bo", "")),
    ]
    assert [one.identities.count() for one in found] == [2, 2, 2]


def test_a_row_about_somebody_elses_identity_makes_no_contact(
    sender: Sender, tmp_path: Path
) -> None:
    OptInFactory(contact=ContactFactory(external_id="crm-1"))
    header = f"{OWNED},action"
    rows = [f"{NUMBER},crm-2,opt_in", f"{NUMBER},crm-3,opt_out", f"{OTHER_NUMBER},crm-4,opt_in"]
    run = by_owner(sender, tmp_path, rows, header)
    assert run.counts == {"invalid": 1, "changed": 2}
    named = Contact.objects.values_list("external_id", flat=True)
    assert sorted(map(str, named)) == ["crm-1", "crm-4"]


@pytest.mark.parametrize("header", ["identity", OWNED])
def test_a_chunk_takes_as_many_statements_however_long_it_is(
    sender: Sender, tmp_path: Path, header: str
) -> None:
    counts = []
    for first, last in ((0, 10), (10, 410), (410, 800)):
        known = british_number(first)
        OptInFactory(identity=known)  # the contact of one is known, of the others not
        rows = [british_number(at) for at in range(first + 1, last)]
        with CaptureQueriesContext(connection) as captured:
            owned = [row + f",crm-{row}" * (header == OWNED) for row in rows]
            by_owner(sender, tmp_path, owned, header)
        counts.append(len(captured))
    assert counts[1] == counts[2]


def test_a_purpose_that_changes_between_two_chunks_counts_as_it_is_then(
    sender: Sender, tmp_path: Path, chunks_of: Chunks
) -> None:
    chunks_of(1)
    text = csv_text("identity,source,purpose", [f"{NUMBER},X,all", f"{OTHER_NUMBER},X,all"])
    file = source(tmp_path, text)

    def change(run: ImportRun) -> None:
        if run.rows == 1:
            Purpose.objects.update(requires_own_consent=True)

    run, reader = begun(sender, file)
    applying.apply(run, file, reader, change)
    assert may_write() == {("WHATSAPP", NUMBER): True, ("WHATSAPP", OTHER_NUMBER): False}

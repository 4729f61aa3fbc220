"""The dry run: what it says is what recording then does, and it leaves nothing behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from hypothesis import given
from hypothesis import strategies as st

from consents.importing import checking
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.importing.verdicts import CATEGORIES, Verdict
from consents.models import ConsentEvent, ImportRun, Sender
from consents.vocabulary import Outcome
from tests.consents.conftest import Counts
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    ago,
    british_number,
)
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import (
    Act,
    Line,
    files,
    pasts,
    pasts_with_erasures,
    prepare,
    recorded,
    some,
    written,
)
from tests.consents.parallel import at_once, backend, lose_the_connection

Rolled = Callable[[], AbstractContextManager[None]]
Chunks = Callable[[int], None]


def looked_at(sender: Sender, file: Source) -> Iterator[Verdict]:
    return checking.check(sender, file, Reader(Manner(), file.header), lambda _: None)


def categories(sender: Sender, file: Source) -> list[str]:
    """By row, with the code of what is wrong where it is invalid."""
    return [one.error.code if one.error else one.category for one in looked_at(sender, file)]


def came_of(run: ImportRun) -> dict[int, str]:
    """What came of each row that was recorded, in the words of the dry run."""
    said: dict[int, str] = {}
    for line in ConsentEvent.objects.select_related("detail").order_by("seq"):
        ours = line.detail.evidence.get("import")
        if ours:
            before = ConsentEvent.objects.filter(
                identity=line.identity_id, purpose=line.purpose_id, seq__lt=line.seq
            ).exclude(action="identity_moved")
            is_new = line.outcome == "changed" and not before.exists()
            said[ours["row"]] = "new" if is_new else line.outcome
    return said


def assert_so(foretold: list[Verdict], run: ImportRun) -> None:
    said = came_of(run)
    assert [one.number for one in foretold] == list(range(1, run.rows + 1))
    for number, category, error in foretold:
        if category == "duplicate":
            assert said[number] != "changed"
        else:
            assert category == said.get(number, "invalid")
        assert (error is not None) == (number not in said)
    outcomes = Counter(
        "changed" if said.get(n) == "new" else said.get(n, "invalid")
        for n in range(1, run.rows + 1)
    )
    assert run.counts == dict(outcomes)


@some
@given(past=pasts, rows=files, scope=st.sampled_from(["channel", "contact"]))
def test_what_is_said_of_a_file_is_what_recording_it_does(
    sender: Sender,
    rolled_back: Rolled,
    tmp_path: Path,
    past: list[Act],
    rows: list[Line],
    scope: str,
) -> None:
    file = written(tmp_path, rows)
    with rolled_back():
        Sender.objects.update(stop_scope=scope)
        sender = prepare(past)
        foretold = list(looked_at(sender, file))
        assert_so(foretold, recorded(sender, file))


@some
@given(past=pasts_with_erasures, rows=files)
def test_what_is_said_of_people_who_were_erased_is_so_too(
    sender: Sender, rolled_back: Rolled, tmp_path: Path, past: list[Act], rows: list[Line]
) -> None:
    """Their lines do not say which row they came from, so it is counted."""
    file = written(tmp_path, rows)
    with rolled_back():
        sender = prepare(past)
        foretold = Counter(one.category for one in looked_at(sender, file))
        counts = Counter(recorded(sender, file).counts)
        assert foretold["new"] + foretold["changed"] == counts["changed"]
        assert foretold["invalid"] == counts["invalid"]
        assert foretold.total() == counts.total()


@some
@given(
    past=pasts.map(lambda acts: [act for act in acts if act.how != "stop"]),
    rows=files,
    chunk=st.sampled_from([1, 2, 3, 5]),
)
def test_where_a_chunk_ends_changes_nothing_of_what_is_said(
    sender: Sender,
    rolled_back: Rolled,
    chunks_of: Chunks,
    tmp_path: Path,
    past: list[Act],
    rows: list[Line],
    chunk: int,
) -> None:
    chunks_of(chunk)
    file = written(tmp_path, rows)
    with rolled_back():
        sender = prepare(past)
        foretold = list(looked_at(sender, file))
        assert_so(foretold, recorded(sender, file))


# --- each category


WITH_OWNERS = "identity,action,occurred_at,external_id,ip"


def said(sender: Sender, directory: Path, rows: list[str], header: str = WITH_OWNERS) -> list[str]:
    return categories(sender, source(directory, csv_text(f"{header},source", rows_of(rows))))


def rows_of(rows: list[str]) -> list[str]:
    return [f"{row},CRM" for row in rows]


YESTERDAY, LAST_WEEK = ago(days=1).isoformat(), ago(days=7).isoformat()


def test_a_row_says_what_would_come_of_it(sender: Sender, tmp_path: Path) -> None:
    OptOutFactory(occurred_at=ago(days=2))
    OptInFactory(identity=OTHER_NUMBER, occurred_at=ago(days=2))
    newcomer = british_number(1)
    rows = {
        f"{newcomer},opt_in,{YESTERDAY},,": "new",
        f"{newcomer},opt_out,{YESTERDAY},,": "changed",
        f"{NUMBER},opt_in,{LAST_WEEK},,": "out_of_order",
        f"{NUMBER},opt_in,,,": "would_resurrect",
        f"{NUMBER},opt_in,{YESTERDAY},,": "changed",
        f"{OTHER_NUMBER},opt_in,{YESTERDAY},,": "no_change",
        f"+{OTHER_NUMBER},opt_in,{YESTERDAY},crm-1,": "duplicate",
        f"{OTHER_NUMBER},opt_in,{YESTERDAY},crm-2,": "identity_conflict",
        f"{OTHER_NUMBER},opt_out,{LAST_WEEK},crm-2,": "out_of_order",
        f"{OTHER_NUMBER},opt_in,{YESTERDAY},,nowhere": "invalid_ip",
        "0123,opt_in,,,": "invalid_identity",
        f"{NUMBER},opt_in,2126-01-01T00:00Z,,": "occurred_in_future",
        "broken": "wrong_number_of_cells",
    }
    assert said(sender, tmp_path, list(rows)) == list(rows.values())


def test_the_same_said_again_without_a_time_is_a_duplicate_unless_it_changes_something(
    sender: Sender, tmp_path: Path
) -> None:
    soon = ago(minutes=-4).isoformat()
    rows = [
        f"{NUMBER},opt_out,,,",
        f"{NUMBER},opt_out,,,",
        f"{NUMBER},opt_in,{soon},,",
        f"{NUMBER},opt_out,,,",
    ]
    assert said(sender, tmp_path, rows) == ["new", "duplicate", "changed", "changed"]


@pytest.mark.parametrize("is_later", [True, False])
def test_who_joins_a_contact_that_has_stopped_is_said_to_have_stopped(
    sender: Sender, tmp_path: Path, is_later: bool
) -> None:
    contact = ContactFactory(external_id="crm-1")
    OptInFactory(contact=contact, occurred_at=ago(days=9))
    StopFactory(occurred_at=ago(days=2))
    at = YESTERDAY if is_later else LAST_WEEK
    rows = [f"{british_number(1)},opt_in,{at},crm-1,"]
    assert said(sender, tmp_path, rows) == ["changed" if is_later else "out_of_order"]


def test_what_the_contact_has_lifted_is_not_taken_over(sender: Sender, tmp_path: Path) -> None:
    contact = ContactFactory(external_id="crm-1")
    StopFactory(contact=contact, occurred_at=ago(days=9))
    OptInFactory(occurred_at=ago(days=8))
    rows = [f"{british_number(1)},opt_in,,crm-1,"]
    assert said(sender, tmp_path, rows) == ["new"]


def test_an_opt_out_by_the_business_is_not_taken_over(sender: Sender, tmp_path: Path) -> None:
    OptOutFactory(contact=ContactFactory(external_id="crm-1"), occurred_at=ago(days=9))
    rows = [f"{british_number(1)},opt_in,,crm-1,"]
    assert said(sender, tmp_path, rows) == ["new"]


@pytest.mark.parametrize(("scope", "word"), [("channel", "new"), ("contact", "would_resurrect")])
def test_what_is_taken_over_from_another_channel_is_as_the_sender_says(
    sender: Sender, tmp_path: Path, scope: str, word: str
) -> None:
    Sender.objects.update(stop_scope=scope)
    sender.refresh_from_db()
    StopFactory(contact=ContactFactory(external_id="crm-1"), channel="SMS")
    rows = [f"{british_number(1)},opt_in,,crm-1,"]
    assert said(sender, tmp_path, rows) == [word]


def test_a_stranger_who_has_stopped_stops_whoever_joins_the_same_contact(
    sender: Sender, tmp_path: Path
) -> None:
    StopFactory(occurred_at=ago(days=2))
    rows = [f"{NUMBER},opt_in,,crm-1,", f"{british_number(1)},opt_in,,crm-1,"]
    assert said(sender, tmp_path, rows) == ["would_resurrect", "would_resurrect"]


def test_a_contact_known_by_name_alone_is_nobody_elses(sender: Sender, tmp_path: Path) -> None:
    OptInFactory(contact=ContactFactory(external_id=None, display_name="Astrid"))
    assert said(sender, tmp_path, [f"{NUMBER},opt_in,,crm-1,"]) == ["identity_conflict"]


def test_contacts_of_another_sender_are_nobody_here(sender: Sender, tmp_path: Path) -> None:
    other = SenderFactory()
    StopFactory(sender=other, contact=ContactFactory(sender=other, external_id="crm-1"))
    rows = [f"{NUMBER},opt_in,,crm-1,", f"{OTHER_NUMBER},opt_in,,crm-1,"]
    assert said(sender, tmp_path, rows) == ["new", "new"]


def test_a_file_without_rows_has_no_verdicts(sender: Sender, tmp_path: Path) -> None:
    assert said(sender, tmp_path, []) == []


def test_every_category_has_words() -> None:
    assert {"new", "duplicate", "invalid", *(word.value for word in Outcome)} == set(CATEGORIES)


# --- what it leaves behind


LIST = csv_text("identity,source", [f"{british_number(at)},CRM" for at in range(9)])


def test_looking_records_nothing(
    sender: Sender, tmp_path: Path, counts: Callable[[], Counts]
) -> None:
    before = counts()
    assert categories(sender, source(tmp_path, LIST)) == ["new"] * 9
    assert counts() == before
    assert not ImportRun.objects.exists()


def test_progress_hears_how_many_bytes_are_read(
    sender: Sender, tmp_path: Path, chunks_of: Chunks
) -> None:
    chunks_of(4)
    file, heard = source(tmp_path, LIST), list[int]()
    list(checking.check(sender, file, Reader(Manner(), file.header), heard.append))
    assert heard == [file.size - 5 * 18, file.size - 18, file.size]


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relnamespace = pg_my_temp_schema()")
        return [name for (name,) in cursor if name.startswith("checked")]


class TestOnConnectionsOfTheirOwn:
    """With real transactions."""

    pytestmark = pytest.mark.django_db(transaction=True)

    def test_nothing_is_held_while_somebody_reads_the_verdicts(
        self, sender: Sender, tmp_path: Path, as_owner: psycopg.Connection[Any]
    ) -> None:
        OptInFactory(identity=british_number(3))
        found = looked_at(sender, source(tmp_path, LIST))
        next(found)
        state = "SELECT backend_xid, backend_xmin FROM pg_stat_activity WHERE pid = %s"
        locks = "SELECT count(*) FROM pg_locks WHERE pid = %s"
        assert as_owner.execute(state, [backend()]).fetchall() == [(None, None)]
        assert as_owner.execute(locks, [backend()]).fetchall() == [(0,)]
        assert len(list(found)) == 8

    def test_a_stop_goes_through_while_the_file_is_read_and_counts(
        self, sender: Sender, tmp_path: Path, chunks_of: Chunks
    ) -> None:
        chunks_of(4)
        file = source(tmp_path, LIST)
        stopped: list[Any] = []

        def stop(_: int) -> None:
            if not stopped:
                # Of one row that is staged already, and of one that is not.
                numbers = (british_number(1), british_number(7))
                stopped.extend(at_once(*[lambda n=n: StopFactory(identity=n) for n in numbers]))

        reader = Reader(Manner(), file.header)
        found = [verdict.category for verdict in checking.check(sender, file, reader, stop)]
        assert [event.outcome for event in stopped] == ["changed"] * 2
        assert found == [*["new"] * 7, "would_resurrect", "new"]

    @pytest.mark.parametrize("how", ["read", "abandoned", "failed", "closed"])
    def test_the_tables_are_gone_however_it_ends(
        self, sender: Sender, tmp_path: Path, how: str
    ) -> None:
        def fail(_: int) -> None:
            assert len(tables()) == 2
            raise InterruptedError

        file = source(tmp_path, LIST)
        reader = Reader(Manner(), file.header)
        if how == "failed":
            with pytest.raises(InterruptedError):
                list(checking.check(sender, file, reader, fail))
        else:
            found = looked_at(sender, file)
            assert next(found).category == "new"
            if how == "read":
                assert len(list(found)) == 8
            elif how == "closed":
                connection.close()
            del found
        assert tables() == []

    def test_a_connection_that_is_lost_is_told_as_such(
        self, sender: Sender, tmp_path: Path
    ) -> None:
        file = source(tmp_path, LIST)
        reader = Reader(Manner(), file.header)
        with pytest.raises(OperationalError):
            list(checking.check(sender, file, reader, lambda _: lose_the_connection()))
        connection.close()
        assert len(list(looked_at(sender, file))) == 9

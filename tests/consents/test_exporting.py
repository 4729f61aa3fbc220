"""Who has consented to what, written out: as it is, and as it was."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given

from consents import exporting, gate, history, ledger
from consents.errors import ConsentError
from consents.exporting import Row, Selection
from consents.models import ChannelIdentity, Consent, ConsentEvent, Purpose, Sender
from consents.purposes import PurposeTree
from consents.vocabulary import Basis
from consents.writing import database_clock
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    SenderFactory,
    StopFactory,
    ago,
    british_number,
)
from tests.consents.test_histories import CHAINS, PEOPLE, Said, few, histories, prepare, void

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def present(sender: Sender, **chosen: str) -> list[Row]:
    return list(exporting.present(Selection(sender, **chosen)))


def past(sender: Sender, at: datetime, hindsight: bool = False, **chosen: str) -> list[Row]:
    return list(exporting.past(Selection(sender, **chosen), at, hindsight=hindsight))


def states(rows: Iterable[Row]) -> dict[tuple[str | None, str], str]:
    return {(row.identity, row.purpose): row.state for row in rows}


def test_a_row_says_who_what_since_when_and_by_which_line(sender: Sender) -> None:
    event = OptInFactory(contact=ContactFactory(external_id="crm-7"), occurred_at=ago(days=1))
    wrote_at = ago(hours=1)
    MessageFactory(received_at=wrote_at)
    [row] = present(sender)
    assert row == Row(
        sender="default",
        channel="WHATSAPP",
        identity=NUMBER,
        external_id="crm-7",
        purpose="all",
        state="opted_in",
        since=event.occurred_at,
        source="WEB",
        origin="api",
        event=str(event.id),
        window_until=wrote_at + DAY,
    )


def test_the_line_that_decides_is_the_one_that_made_it_so(sender: Sender) -> None:
    first = StopFactory(occurred_at=ago(days=2))
    OptOutFactory(source="AGAIN")
    [row] = present(sender)
    assert (row.event, row.source, row.origin) == (str(first.id), "KEYWORD", "keyword")
    assert past(sender, timezone.now()) == [row]


def test_a_window_that_has_run_out_is_none(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=5))
    MessageFactory(received_at=ago(days=2))
    assert present(sender)[0].window_until is None
    assert past(sender, ago(hours=36), hindsight=True)[0].window_until is not None


def test_who_was_erased_has_a_row_without_an_address(sender: Sender) -> None:
    OptOutFactory()
    ChannelIdentity.objects.update(address=None, lookup_key=None)
    [row] = present(sender)
    assert (row.identity, row.state) == (None, "opted_out")


def test_what_nobody_has_said_anything_about_has_no_row(sender: Sender) -> None:
    MessageFactory()
    assert present(sender) == []
    assert past(sender, timezone.now()) == []


def test_a_void_line_counts_until_it_was_voided(sender: Sender) -> None:
    mistake = OptInFactory(occurred_at=ago(days=1))
    between = database_clock()
    ledger.void(mistake, note="wrong form", actor="staff")
    assert present(sender) == []
    assert states(past(sender, between)) == {(NUMBER, "all"): "opted_in"}
    assert past(sender, between, hindsight=True) == []


@pytest.fixture
def several(sender: Sender) -> None:
    PurposeFactory(key="newsletter")
    OptInFactory()
    OptOutFactory(purpose="newsletter")
    OptInFactory(identity=OTHER_NUMBER, channel="SMS", purpose="marketing")
    OptOutFactory(identity=OTHER_NUMBER)
    OptInFactory(sender=SenderFactory(key="other"), identity=british_number(1))


@pytest.mark.parametrize(
    ("chosen", "rows"),
    [
        ({}, 4),
        ({"channel": "WHATSAPP"}, 3),
        ({"channel": "sms"}, 1),
        ({"channel": "EMAIL"}, 0),
        ({"purpose": "all"}, 2),
        ({"purpose": "newsletter"}, 1),
        ({"state": "opted_in"}, 2),
        ({"state": "opted_out", "purpose": "newsletter", "channel": "WHATSAPP"}, 1),
    ],
)
def test_rows_may_be_selected(
    sender: Sender, several: None, chosen: dict[str, str], rows: int
) -> None:
    found = present(sender, **chosen)
    assert len(found) == rows == exporting.count(Selection(sender, **chosen))
    assert past(sender, database_clock(), **chosen) == found
    assert {row.sender for row in found} <= {"default"}


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"channel": "FAX"}, "unknown_channel"),
        ({"purpose": "astrology"}, "unknown_purpose"),
        ({"state": "undecided"}, "unknown_state"),
    ],
)
def test_what_there_is_not_cannot_be_selected(
    sender: Sender, chosen: dict[str, str], code: str
) -> None:
    with pytest.raises(ConsentError) as refused:
        Selection(sender, **chosen)
    assert refused.value.code == code


def test_the_order_is_the_same_every_time(sender: Sender) -> None:
    for index in range(20):
        OptInFactory(identity=british_number(index), purpose="marketing")
        OptInFactory(identity=british_number(index))
    first = present(sender)
    Consent.objects.order_by("-since")[0].save()  # moves the row on its page
    assert present(sender) == first
    assert past(sender, database_clock()) == first


def test_the_future_cannot_be_written_out(sender: Sender) -> None:
    with pytest.raises(ConsentError) as refused:
        past(sender, timezone.now() + DAY)
    assert refused.value.code == "invalid_at"


def test_rows_are_fetched_some_at_a_time(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "CHUNK", 4)
    for index in range(12):
        OptInFactory(identity=british_number(index))
    for rows in (
        exporting.present(Selection(sender)),
        exporting.past(Selection(sender), database_clock()),
    ):
        with CaptureQueriesContext(connection) as captured:
            next(rows)
            assert open_cursors() == 1
        assert not any("fetch all" in query["sql"].lower() for query in captured)
        assert len(list(rows)) == 11
        assert open_cursors() == 0


def open_cursors() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors WHERE NOT is_holdable")
        [count] = cursor.fetchone()
    return int(count)


# --- how rows are written

ROW = Row(
    *("default", "EMAIL", 'a,"b"@example.org', None, "all", "opted_in"),
    datetime(2026, 1, 31, 12, tzinfo=UTC),
    *("WEB", "api", "0193f8a2-6d2f-7e05-a1b4-5c6d7e8f9a0b", None),
)


def test_csv_has_a_header_and_empty_cells_for_what_is_not_there() -> None:
    text = b"".join(exporting.in_csv([ROW, ROW._replace(external_id="two\nlines")])).decode()
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert list(first) == list(Row._fields)
    assert (first["identity"], first["external_id"]) == ('a,"b"@example.org', "")
    assert first["since"] == "2026-01-31T12:00:00.000000Z"
    assert second["external_id"] == "two\nlines"
    assert b"".join(exporting.in_csv([])).decode().split(",") == [
        *Row._fields[:-1],
        "window_until\n",
    ]


def test_ndjson_has_null_for_what_is_not_there() -> None:
    [line] = exporting.in_ndjson([ROW])
    read = json.loads(line)
    assert list(read) == list(Row._fields)
    assert (read["external_id"], read["window_until"]) == (None, None)
    assert line.endswith(b"}\n")


# --- the present, the past and the gate tell the same story


@few
@given(histories)
def test_what_is_written_out_is_what_the_gate_reads_and_what_the_ledger_adds_up_to(
    sender: Sender,
    rolled_back: Callable[[], AbstractContextManager[None]],
    history_told: list[Said],
) -> None:
    with rolled_back():
        prepare()
        moments: list[datetime] = []
        for said in history_told:
            entry = said.entry()
            fields = {name: getattr(entry, name) for name in entry.__slots__}
            void([(said, ledger.record("default", **fields).event)])
            moments.append(database_clock())
        MessageFactory(identity=PEOPLE[0])
        now = database_clock()
        rows = present(sender)
        assert past(sender, now) == rows
        assert past(sender, now, hindsight=True) == rows
        assert states(rows) == {
            (row.identity.address, row.purpose.key): row.state
            for row in Consent.objects.select_related("identity", "purpose")
        }
        agrees_with_the_gate(sender, rows)
        for moment in moments[:3]:
            for hindsight in (False, True):
                assert folds_of(past(sender, moment, hindsight)) == as_of(moment, hindsight)


def folds_of(rows: Iterable[Row]) -> dict[tuple[str, str], tuple[Any, ...]]:
    return {
        (str(row.identity), row.purpose): (row.state, row.since, row.event, *decider(row))
        for row in rows
    }


def decider(row: Row) -> tuple[str, str]:
    event = ConsentEvent.objects.get(id=row.event)
    assert (row.source, row.origin) == (event.source, event.origin)
    return row.source, row.origin


def as_of(at: datetime, hindsight: bool) -> dict[tuple[str, str], tuple[Any, ...]]:
    """The same by `history.state_as_of`, one identity at a time."""
    keys = dict(Purpose.objects.values_list("id", "key"))
    found = {}
    for identity in ChannelIdentity.objects.all():
        for purpose, fold in history.state_as_of(identity.id, at, hindsight=hindsight).items():
            event = ConsentEvent.objects.get(id=fold.event)
            said = (fold.state, fold.since, str(fold.event), event.source, event.origin)
            found[str(identity.address), keys[purpose]] = said
    return found


def agrees_with_the_gate(sender: Sender, rows: list[Row]) -> None:
    """Where one purpose of a chain was spoken of, and may decide, the gate goes by its row."""
    tree = PurposeTree.load()
    for purpose, chain in CHAINS.items():
        deciding = [purpose] if tree.named(purpose).requires_own_consent else chain
        for number in PEOPLE:
            spoken = [row for row in rows if row.identity == number and row.purpose in chain]
            if len(spoken) == 1 and spoken[0].purpose in deciding:
                answer = gate.check(sender, "WHATSAPP", number, purpose)
                assert str(answer.event) == spoken[0].event
                assert (answer.basis == Basis.OPT_IN) == (spoken[0].state == "opted_in")
                assert answer.free_form_until in (None, spoken[0].window_until)

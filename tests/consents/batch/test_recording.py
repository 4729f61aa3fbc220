"""Statements written together by SQL: the very rows that the one-by-one path would write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consents import expiry, ledger
from consents.commitments import commit_to_address, commit_to_detail
from consents.entries import Entry
from consents.errors import ConsentError
from consents.models import ChannelIdentity, ConsentEvent, EventDetail, Purpose, Sender
from consents.purposes import PurposeTree
from consents.signals import Lines, lines_recorded
from tests.consents.books import by_the_general_path, everything
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    NoticeFactory,
    PurposeFactory,
    british_number,
    confirmed_within,
)

Rolled = Callable[[], AbstractContextManager[None]]

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
PEOPLE = (NUMBER, OTHER_NUMBER, "5215512345678", "525512345678", "no number")

few = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
entries = st.builds(
    Entry,
    action=st.sampled_from(["opt_in", "opt_out"]),
    channel=st.sampled_from(["WHATSAPP", "WHATSAPP", "SMS"]),
    identity=st.sampled_from(PEOPLE),
    purpose=st.sampled_from(["all", "all", "marketing", "newsletter", "profiling", "no purpose"]),
    source=st.sampled_from(["CRM", "CRM", ""]),
    origin=st.sampled_from(["api", "import", "admin", "dropin", "system"]),
    note=st.sampled_from(["", "asked us by telephone"]),
    ip=st.sampled_from([None, "192.0.2.7", "2001:db8::1"]),
    user_agent=st.sampled_from(["", "Mozilla/5.0 (\\ tab\t)"]),
    evidence=st.sampled_from(
        [
            *[None, {"form": "é\n\\", "version": 2.5, "at": [1, None]}] * 2,
            *[{"notice": "banner"}, {"notice": {"key": "banner", "version": 1}}],
            *[{"notice": "nobody-knows"}, {"notice": [7]}],
        ]
    ),
    # Few, so that many fall on the same time or before what is known.
    occurred_at=st.none() | st.integers(0, 4).map(lambda at: START + timedelta(minutes=at)),
)
files = st.lists(entries, max_size=12)


def one_by_one(items: Sequence[Entry]) -> None:
    """By the general path, each in a page of its own."""
    with by_the_general_path():
        for item in items:
            ledger.record_many("default", [item])


def together(items: Sequence[Entry]) -> None:
    ledger.record_many("default", items)


def prepare() -> None:
    """Of what is said here of the newsletter nothing is good any more."""
    newsletter = PurposeFactory(key="newsletter", validity_days=100)
    Purpose.objects.filter(id=newsletter.id).update(validity_since=START)
    PurposeFactory(key="profiling", requires_own_consent=True)
    NoticeFactory()
    NoticeFactory(version="2", valid_from=START + timedelta(minutes=2))


def left_by(way: Callable[[Sequence[Entry]], None], parts: Any, rolled_back: Rolled) -> Any:
    with rolled_back():
        prepare()
        for part in parts:
            way(part)
            while expiry.write_run_out():
                pass
        return everything()


@few
@given(st.lists(files, min_size=1, max_size=3))
def test_together_writes_what_one_by_one_writes(
    sender: Sender, rolled_back: Rolled, parts: list[list[Entry]]
) -> None:
    expected = left_by(one_by_one, parts, rolled_back)
    assert left_by(together, parts, rolled_back) == expected


def asked_and_said() -> list[Entry]:
    """By two of whom one asks twice, by two who ask for nothing, and by nobody."""
    said = [
        *((NUMBER, "opt_in"), (OTHER_NUMBER, "opt_out"), ("no number", "opt_in")),
        *((NUMBER, "opt_in"), (british_number(1), "opt_in"), (british_number(2), "opt_out")),
    ]
    return [
        Entry(action=action, channel="WHATSAPP", identity=one, purpose="marketing", source="CRM")
        for one, action in said
    ]


def test_who_has_to_confirm_is_written_with_the_others_and_told_in_place(sender: Sender) -> None:
    confirmed_within(48)
    results = ledger.record_many("default", asked_and_said())
    assert [
        result.code if isinstance(result, ConsentError) else result.event.outcome
        for result in results
    ] == ["unconfirmed", "changed", "invalid_identity", "no_change", "unconfirmed", "changed"]
    events = [one.event for one in results if not isinstance(one, ConsentError)]
    for event in events:
        kept = ConsentEvent.objects.select_related("identity").get(id=event.id)
        assert (event.seq, event.action, event.identity) == (kept.seq, kept.action, kept.identity)
        assert event.address_commitment == bytes(kept.address_commitment)
    assert [one.identity.address for one in events] == [
        *(NUMBER, OTHER_NUMBER, NUMBER, british_number(1), british_number(2))
    ]


def test_those_who_have_to_confirm_take_three_statements_more(
    sender: Sender, rolled_back: Rolled
) -> None:
    def statements() -> int:
        with rolled_back(), CaptureQueriesContext(connection) as asked:
            ledger.record_many("default", asked_and_said())
            return len(asked)

    def settled() -> int:
        """Once the purposes, and the table, are there."""
        statements()
        return statements()

    before = settled()
    confirmed_within(48)
    assert settled() == before + 3


@few
@given(files)
def test_the_results_are_the_lines_that_were_written(
    sender: Sender, rolled_back: Rolled, items: list[Entry]
) -> None:
    with rolled_back():
        prepare()
        for result in ledger.record_many("default", items):
            if isinstance(result, ledger.Recorded):
                kept = ConsentEvent.objects.get(id=result.event.id)
                fields = [field.attname for field in ConsentEvent._meta.concrete_fields]
                assert {name: _plain(getattr(result.event, name)) for name in fields} == {
                    name: _plain(getattr(kept, name)) for name in fields
                }


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


@few
@given(files)
def test_every_commitment_fits(sender: Sender, rolled_back: Rolled, items: list[Entry]) -> None:
    with rolled_back():
        prepare()
        together(items)
        for detail in EventDetail.objects.select_related("event__identity"):
            event, identity = detail.event, detail.event.identity
            by_address = commit_to_address(
                bytes(detail.address_salt or b""), identity.channel, identity.address or ""
            )
            assert bytes(event.address_commitment) == by_address
            assert bytes(event.detail_commitment) == commit_to_detail(
                bytes(detail.salt or b""), detail.committed()
            )


@pytest.fixture
def rung(sender: Sender) -> Any:
    heard: list[Lines] = []

    def hear(lines: Lines, **_: Any) -> None:
        heard.append(lines)

    lines_recorded.connect(hear)
    yield heard
    lines_recorded.disconnect(hear)


def opt_ins(count: int, start: int = 0) -> list[Entry]:
    return [
        Entry(
            action="opt_in",
            channel="WHATSAPP",
            identity=british_number(start + at),
            source="CRM",
            origin="import",
        )
        for at in range(count)
    ]


def test_the_bell_rings_once_and_reads_whole_lines_only_when_asked(rung: list[Lines]) -> None:
    with CaptureQueriesContext(connection) as before:
        results = ledger.record_many("default", opt_ins(3))
    [lines] = rung
    assert [line.event for line in lines.lines] == [one.event.id for one in results]
    asked = [one["sql"] or "" for one in before.captured_queries]
    assert not any(sql.startswith('SELECT "consents_consentevent"') for sql in asked)
    assert [event.id for event in lines.events] == [line.event for line in lines.lines]


def test_a_thousand_take_as_many_statements_as_ten(sender: Sender) -> None:
    PurposeTree.current()  # read once, and again when they have changed
    counts = []
    for start, count in ((0, 10), (10, 900)):
        with CaptureQueriesContext(connection) as captured:
            ledger.record_many("default", opt_ins(count, start))
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_a_number_known_in_another_spelling_is_committed_to_as_it_is_kept(sender: Sender) -> None:
    for number in ("5215512345678", "525512345678"):
        entry = Entry(action="opt_in", channel="SMS", identity=number, source="X", origin="import")
        ledger.record_many("default", [entry])
    assert ChannelIdentity.objects.count() == 1
    for detail in EventDetail.objects.select_related("event"):
        assert bytes(detail.event.address_commitment) == commit_to_address(
            bytes(detail.address_salt or b""), "SMS", "5215512345678"
        )


def test_an_erased_person_is_found_by_the_digest(sender: Sender) -> None:
    [first] = ledger.record_many("default", opt_ins(1))
    ChannelIdentity.objects.update(address=None, lookup_key=None)
    [again] = ledger.record_many("default", opt_ins(1))
    assert again.event.identity_id == first.event.identity_id
    assert again.event.outcome == "no_change"

"""Counts for the home page: every line once, none twice, whatever commits late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from consents import ledger, tallies
from consents.models import ConsentEvent, DayTally, ReachTally, TallyMark
from tests.consents.factories import NUMBER, OptInFactory, british_number
from tests.consents.test_feeds import held_open

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def say(action: str, number: str = NUMBER, **fields: object) -> ConsentEvent:
    fields = {"channel": "WHATSAPP", "source": "WEB", **fields}
    return ledger.record("default", action=action, identity=number, **fields).event


def days() -> dict[tuple[str, str], int]:
    return {(f"{one.day}", one.action): one.lines for one in DayTally.objects.all()}


def reach() -> dict[tuple[str, str, str], int]:
    return {
        (one.channel, one.purpose.key, one.state): one.identities
        for one in ReachTally.objects.select_related("purpose")
    }


def test_lines_are_counted_on_the_day_they_were_said(sender):
    say("opt_in", occurred_at=NOON)
    say("opt_in", british_number(1), occurred_at=NOON)
    say("opt_out", occurred_at=NOON + timedelta(days=1))
    assert tallies.fold() == 3
    assert days() == {("2026-11-02", "opt_in"): 2, ("2026-11-03", "opt_out"): 1}


def test_the_day_is_that_of_utc(sender):
    say("opt_in", occurred_at=datetime.fromisoformat("2026-11-03T00:30:00+02:00"))
    tallies.fold()
    assert days() == {("2026-11-02", "opt_in"): 1}


def test_what_changed_nothing_is_not_counted(sender):
    say("opt_in", occurred_at=NOON)
    say("opt_in", occurred_at=NOON + timedelta(hours=1))
    assert tallies.fold() == 2
    assert days() == {("2026-11-02", "opt_in"): 1}


def test_counting_again_counts_what_is_new_alone(sender):
    say("opt_in", occurred_at=NOON)
    tallies.fold()
    assert tallies.fold() == 0
    say("opt_in", british_number(1), occurred_at=NOON)
    assert tallies.fold() == 1
    assert days() == {("2026-11-02", "opt_in"): 2}


def test_many_are_counted_step_by_step(sender):
    for at in range(5):
        say("opt_in", british_number(at), occurred_at=NOON)
    assert [tallies.fold(2), tallies.fold(2), tallies.fold(2), tallies.fold(2)] == [2, 2, 1, 0]
    assert days() == {("2026-11-02", "opt_in"): 5}


@pytest.mark.django_db(transaction=True)
def test_a_line_that_commits_late_is_counted_when_it_has(sender):
    with held_open(british_number(1)):
        OptInFactory(identity=british_number(2))
        while tallies.fold():
            pass
        assert not DayTally.objects.exists()
    while tallies.fold():
        pass
    assert sum(days().values()) == 2


def test_reach_is_how_all_stand_now(sender):
    say("opt_in", occurred_at=NOON)
    say("opt_in", british_number(1), purpose="marketing", occurred_at=NOON)
    say("opt_out", occurred_at=NOON + timedelta(days=1))
    assert tallies.count_reach(NOON)
    assert reach() == {
        ("WHATSAPP", "all", "opted_out"): 1,
        ("WHATSAPP", "marketing", "opted_in"): 1,
    }


def test_reach_is_not_counted_again_at_once(sender):
    say("opt_in", occurred_at=NOON)
    assert tallies.count_reach(NOON)
    say("opt_in", british_number(1), occurred_at=NOON)
    assert not tallies.count_reach(NOON + tallies.REACH_EVERY / 2)
    assert tallies.count_reach(NOON + tallies.REACH_EVERY)
    assert reach() == {("WHATSAPP", "all", "opted_in"): 2}


def test_reach_that_takes_long_to_count_is_counted_seldom(sender):
    TallyMark.objects.create(reach_counted_at=NOON, reach_ms=10_000)
    pause = timedelta(seconds=10) * tallies.REACH_SHARE
    assert not tallies.count_reach(NOON + pause - timedelta(seconds=1))
    assert tallies.count_reach(NOON + pause)


def test_keeping_counts_everything(sender):
    say("opt_in", occurred_at=NOON)
    assert tallies.keep(NOON) == 1
    assert days()
    assert reach()


def test_a_long_ledger_is_counted_in_steps_and_leaves_time_between_them(sender, monkeypatch):
    for at in range(5):
        say("opt_in", british_number(at), occurred_at=NOON)
    waits: list[float] = []
    monkeypatch.setattr(tallies, "LINES", 2)
    monkeypatch.setattr(tallies, "sleep", waits.append)
    assert tallies.keep(NOON) == 5
    assert sum(days().values()) == 5
    assert len(waits) == 2
    assert all(seconds > 0 for seconds in waits)

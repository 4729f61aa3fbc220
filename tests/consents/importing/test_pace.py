"""How fast a file is being recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from consents.importing import pace
from consents.models import ImportRun, Sender

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def run_with(sender: Sender, *seconds: int) -> ImportRun:
    """A thousand rows, of 50 bytes each, recorded in each of these seconds."""
    run = ImportRun.objects.create(
        sender=sender, file_name="list.csv", sha256=b"", size=1_000_000, started_at=START
    )
    for number, second in enumerate(seconds, 1):
        run.chunks.create(
            position=number * 50_000, rows=1000, recorded_at=START + timedelta(seconds=second)
        )
    return run


def test_it_is_not_known_before_two_chunks_are_recorded(sender: Sender) -> None:
    assert pace.of(run_with(sender)) is None
    assert pace.of(run_with(sender, 5)) is None


def test_it_is_told_from_what_was_recorded_between_chunks(sender: Sender) -> None:
    found = pace.of(run_with(sender, 10, 12, 14))
    assert found == pace.Pace(500.0, timedelta(seconds=(1_000_000 - 150_000) / 25_000))


def test_only_the_last_chunks_count(sender: Sender) -> None:
    found = pace.of(run_with(sender, 0, *range(100, 110)))
    assert found is not None
    assert found.rows_a_second == 1000.0


def test_chunks_of_one_instant_are_no_fault(sender: Sender) -> None:
    assert pace.of(run_with(sender, 1, 1)) is not None

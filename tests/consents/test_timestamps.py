"""Times as programs write and read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from consents.timestamps import read, written

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (NOON, "2026-01-31T12:00:00.000000Z"),
        (NOON + timedelta(microseconds=250), "2026-01-31T12:00:00.000250Z"),
        (NOON.astimezone(timezone(timedelta(hours=5.5))), "2026-01-31T12:00:00.000000Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_a_time_is_written_in_utc_and_read_back(time: datetime, text: str) -> None:
    assert written(time) == text
    assert read(text) == time


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00:00", "2026-01-31", "noon", "", "0001-01-01T00:00:00+14:00"]
)
def test_a_time_that_could_be_another_is_not_read(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its type is the promise
        read(text)

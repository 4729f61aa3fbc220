"""Which days count, and when the last of them ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from consents import workdays


def last_day(start: datetime, days: int = 10, country: str = "US") -> date:
    return workdays.end_of(start, days, country).date()


@pytest.mark.parametrize(
    ("start", "country", "last"),
    [
        (date(2026, 3, 2), "US", date(2026, 3, 16)),  # a Monday, no holiday in between
        (date(2026, 3, 7), "US", date(2026, 3, 20)),  # a Saturday
        (date(2026, 11, 16), "US", date(2026, 12, 1)),  # Thanksgiving
        (date(2026, 12, 21), "US", date(2027, 1, 6)),  # Christmas and New Year
        (date(2026, 6, 29), "US", date(2026, 7, 14)),  # Independence Day, kept on the Friday
        (date(2026, 11, 16), "SE", date(2026, 11, 30)),
    ],
)
def test_ten_working_days_leave_out_weekends_and_public_holidays(
    start: date, country: str, last: date
) -> None:
    assert (
        last_day(datetime(start.year, start.month, start.day, 9, tzinfo=UTC), 10, country) == last
    )


def test_the_last_day_counts_to_its_end() -> None:
    end = workdays.end_of(datetime(2026, 3, 2, 9, tzinfo=UTC), 1, "US")
    assert end + timedelta(microseconds=1) == datetime(2026, 3, 4, tzinfo=UTC)


def test_days_are_those_of_utc() -> None:
    late_in_new_york = datetime(2026, 3, 2, 23, tzinfo=timezone(timedelta(hours=-5)))
    assert last_day(late_in_new_york, 1) == date(2026, 3, 4)


def test_only_countries_that_there_are_are_known() -> None:
    assert workdays.is_known("US")
    assert workdays.is_known("SE")
    assert not workdays.is_known("XX")

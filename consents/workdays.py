"""Working days: what is promised within so many of them, and when that is."""

from __future__ import annotations

from datetime import UTC, datetime, time
from functools import cache

import holidays


def is_known(country: str) -> bool:
    """Whether the public holidays of this country (ISO 3166-1, two letters) are known."""
    return country in holidays.list_supported_countries(include_aliases=False)


def end_of(start: datetime, days: int, country: str) -> datetime:
    """The last instant of the working day that comes that many after `start`, all of it in UTC.

    Saturdays, Sundays (or the country's own days of rest) and its public holidays do not count;
    for the US these are the federal ones.
    """
    last = _calendar(country).get_nth_working_day(start.astimezone(UTC).date(), days)
    return datetime.combine(last, time.max, UTC)


@cache
def _calendar(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)

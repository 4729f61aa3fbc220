"""The customer window's arithmetic: a person's message lets the business answer for a while.

Open while `now < last message + length`, by the provider's time of the message (Sinch: "24 hours
since the last received message"). Nothing here needs a command to have run.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


def closes_at(last_inbound: datetime | None, length: timedelta | None) -> datetime | None:
    """When the window ends or ended; None where there is no window or no message yet."""
    if last_inbound is None or length is None:
        return None
    return last_inbound + length


def is_open(last_inbound: datetime | None, length: timedelta | None, now: datetime) -> bool:
    end = closes_at(last_inbound, length)
    return end is not None and last_inbound is not None and last_inbound <= now < end


def open_until(
    last_inbound: datetime | None, length: timedelta | None, now: datetime
) -> datetime | None:
    """When the window that is open now will end; None where none is open."""
    is_open_now = is_open(last_inbound, length, now)
    return closes_at(last_inbound, length) if is_open_now else None


@dataclass(frozen=True, slots=True)
class Movement:
    """What a message does to a window.

    `closed_at`: the end of an earlier window that nobody had written down yet.
    `opened_at`: the start of a new one. Both None: extended, or too old to matter.
    """

    last_inbound: datetime
    closed_at: datetime | None = None
    opened_at: datetime | None = None


def advance(
    last_inbound: datetime | None,
    is_noted: bool,
    message_at: datetime,
    length: timedelta,
) -> Movement | None:
    """Let a message in. None when a newer one is known already: a window never gets shorter.

    `is_noted`: the ledger holds a `window_opened` that no `window_closed` has followed.
    """
    if last_inbound is not None and message_at <= last_inbound:
        return None
    end = closes_at(last_inbound, length)
    if end is not None and message_at < end and is_noted:
        return Movement(message_at)
    return Movement(message_at, closed_at=end if is_noted else None, opened_at=message_at)

"""How times are written, wherever they leave Optbook or come in."""

from __future__ import annotations

from datetime import UTC, datetime


def written(time: datetime) -> str:
    """UTC with microseconds, as `2026-01-31T12:00:00.000000Z`."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def read(text: str) -> datetime:
    """A time in ISO 8601 with its zone, as UTC. Raises ValueError for anything else."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError("The time does not state its zone.")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise ValueError("There is no such time in UTC.") from None

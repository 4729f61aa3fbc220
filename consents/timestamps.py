"""How times are written for programs, wherever they leave Optbook."""

from __future__ import annotations

from datetime import UTC, datetime


def written(time: datetime) -> str:
    """UTC with microseconds, as `2026-01-31T12:00:00.000000Z`."""
    return time.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"

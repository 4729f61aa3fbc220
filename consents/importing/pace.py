"""How fast a file is being recorded, told from the chunks that are."""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from consents.models import ImportRun

_LOOKED_AT: Final = 10


class Pace(NamedTuple):
    rows_a_second: float
    left: timedelta


def of(run: ImportRun) -> Pace | None:
    """None until two chunks are recorded."""
    chunks = list(run.chunks.order_by("-position")[:_LOOKED_AT])
    if len(chunks) < 2:
        return None
    newest, oldest = chunks[0], chunks[-1]
    seconds = max((newest.recorded_at - oldest.recorded_at).total_seconds(), 0.001)
    rows = sum(chunk.rows for chunk in chunks[:-1])
    bytes_a_second = max(newest.position - oldest.position, 1) / seconds
    left = timedelta(seconds=round((run.size - newest.position) / bytes_a_second))
    return Pace(rows / seconds, left)

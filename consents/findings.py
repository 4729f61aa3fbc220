"""What does not fit when the ledger is verified, as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    CHANGED = "line_changed"
    MISSING = "line_missing"
    INSERTED = "line_inserted"
    REORDERED = "lines_reordered"
    SEAL_MISSING = "seal_missing"
    SEAL_FORGED = "seal_forged"
    SEAL_BROKEN = "seal_broken"
    MEANING = "meaning_changed"
    ANCHOR = "anchor_differs"
    DETAIL = "detail_differs"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `seq`: the line, or the last one before it; `seal`: its number."""

    kind: Kind
    message: str
    seal: int | None = None
    seq: int | None = None

    def __str__(self) -> str:
        return self.message

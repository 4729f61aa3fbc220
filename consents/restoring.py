"""What a changed line was, where that can be guessed: a guess is right when its hash is there.

Columns that hold one of few words, or of few rows, can be tried out; so can the numbers of other
lines. A free text or a time cannot: of such a line it is only known that it was changed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from consents import leaves, merkle
from consents.models import Purpose, Sender
from consents.vocabulary import Action, Lifts, Origin, Outcome

TRIED: Final = 100
"""Lines of a seal that guesses are made about."""

_WORDS: Final = {
    "action": [word.value for word in Action],
    "origin": [word.value for word in Origin],
    "lifts": [word.value for word in Lifts],
    "outcome": [*(word.value for word in Outcome), ""],
}


@dataclass(frozen=True, slots=True)
class Change:
    """One column of a line, and what it was."""

    column: str
    was: str


def changes(entries: Sequence[bytes], sealed: Collection[bytes]) -> dict[int, Change]:
    """What was changed in lines that were sealed with these hashes, by their numbers now."""
    tried = entries[:TRIED]
    rows = _rows() if tried else {}
    numbers = [leaves.seq(entry) for entry in tried]
    found = {}
    for entry in tried:
        for change, value in _guesses(entry, numbers, rows):
            if merkle.leaf(leaves.replaced(entry, change.column, value)) in sealed:
                found[leaves.seq(entry)] = change
                break
    return found


def _rows() -> dict[str, dict[bytes, str]]:
    """The rows that a line may name, by their ids."""
    return {
        "purpose_id": {one.id.bytes: one.key for one in Purpose.objects.all()},
        "sender_id": {one.id.bytes: one.key for one in Sender.objects.all()},
    }


def _guesses(
    entry: bytes, numbers: Sequence[int], rows: dict[str, dict[bytes, str]]
) -> Iterator[tuple[Change, bytes | None]]:
    now = leaves.fields(entry)
    for column, words in _WORDS.items():
        yield from ((Change(column, word), word.encode()) for word in words)
    for column, named in rows.items():
        yield from ((Change(column, name), id) for id, name in named.items())
    yield from ((Change("effective", str(bool(flag))), bytes([flag])) for flag in (0, 1))
    yield Change("occurred_at", "recorded_at"), now["recorded_at"]
    yield Change("recorded_at", "occurred_at"), now["occurred_at"]
    yield Change("cause_id", "nothing"), None
    yield from ((Change("seq", str(one)), one.to_bytes(8, signed=True)) for one in numbers)

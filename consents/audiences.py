"""A file of people, answered row by row: each row as it came, with the gate's verdict behind it.

Rows come in and go out by the thousand; nothing else is held in memory. Every row that is not
empty has one row of the answer, in the same order. A row without a verdict means no.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from consents import entries, verdicts
from consents.audience_rows import Cells, Lines, Pieces, Writer
from consents.decision import Permission
from consents.errors import ConsentError
from consents.gate_bulk import Answer, askable, check_many
from consents.importing.files import NDJSON, Row, Source
from consents.models import Sender
from consents.purposes import PurposeTree

CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class Question:
    """Who wants to write, where and what for; `column` holds people's identities.

    Raises ConsentError for a channel or purpose that cannot be asked about, and for a column that
    the verdict would hide.
    """

    sender: Sender
    channel: str
    purpose: str
    column: str = "identity"

    def __post_init__(self) -> None:
        entries.channel(self.channel)
        purposes, _ = PurposeTree.current()
        askable(purposes, self.purpose)
        if self.column in verdicts.NAMES:
            message = "A column of this name holds a part of the verdict."
            raise ConsentError("invalid_column", message, "column")


class Audience:
    """A file asked about. `counts`: how many rows got which reason, or `allowed`, so far.

    Raises ConsentError `column_required` where the file lacks the question's column.
    """

    def __init__(self, source: Source, question: Question) -> None:
        self._source = source
        self._question = question
        self._writer: Writer = Lines() if source.format == NDJSON else _cells(source, question)
        self.counts: Counter[str] = Counter()

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self._source.size

    def answered(self, seen: Callable[[int], object] = int) -> Iterator[bytes]:
        """The answer, piece by piece; `seen` is told up to which byte the file is answered."""
        yield self._writer.heading().encode()
        rows = self._source.rows()
        while chunk := list(islice(rows, CHUNK)):
            # Half of a surrogate pair, which JSON can write and UTF-8 cannot, stays an escape.
            yield "".join(self._lines(chunk)).encode(errors="backslashreplace")
            seen(chunk[-1].end)

    def broken_off(self, code: str, message: str) -> bytes:
        """The last row of an answer that cannot be finished: what would follow means no."""
        return self._writer.trouble(code, message).encode()

    def _lines(self, rows: Sequence[Row]) -> Iterator[str]:
        answers = check_many(
            self._question.sender,
            self._question.channel,
            [_identity(row, self._question.column) for row in rows],
            self._question.purpose,
            show=lambda answer: self._writer.shown(verdicts.fields(answer)),
        )
        self._count(rows, answers)
        for row, (_, form, event) in zip(rows, answers, strict=True):
            if isinstance(row.values, ConsentError):
                yield self._unreadable(row.values, form.permission)
            else:
                yield self._writer.line(row.values, form.shown, event)

    def _unreadable(self, problem: ConsentError, answer: Permission) -> str:
        """Nothing of such a row can be trusted; its verdict says what is wrong with it."""
        verdict = {**verdicts.fields(answer), "reason": problem.code}
        return self._writer.line({}, self._writer.shown(verdict), None)

    def _count(self, rows: Iterable[Row], answers: Iterable[Answer[Pieces]]) -> None:
        forms = Counter(form for _, form, _ in answers)
        for form, count in forms.items():
            self.counts[form.permission.reason or "allowed"] += count


def _cells(source: Source, question: Question) -> Cells:
    if question.column not in source.header:
        raise ConsentError("column_required", "The file has no such column.", "column")
    return Cells(source.header, source.delimiter)


def _identity(row: Row, column: str) -> object:
    return None if isinstance(row.values, ConsentError) else row.values.get(column)

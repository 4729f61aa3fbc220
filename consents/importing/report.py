"""Files of the rows of each category, for whoever has to look at them."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from consents.errors import ConsentError
from consents.importing.checking import Verdict
from consents.importing.files import Row

_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?[\d\s().-]*")


class Report:
    """Writes `<category>.csv` in a directory: the row's number, what is wrong, the row itself.

    The directory is made where it is not there, for its owner's eyes alone.
    """

    def __init__(self, directory: Path, header: Sequence[str]) -> None:
        self.directory = directory
        self._header = header
        self._files = ExitStack()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> Report:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def write(self, verdict: Verdict, row: Row) -> None:
        writer = self._writers.get(verdict.category) or self._begin(verdict.category)
        why = f"{verdict.error.code}: {verdict.error.message}" if verdict.error else ""
        writer.writerow([row.number, why, *self._cells(row.values)])

    def _begin(self, category: str) -> Any:
        path = self.directory / f"{category}.csv"
        writer = csv.writer(self._files.enter_context(path.open("w", newline="")))
        writer.writerow(["row", "why", *(self._header or ["content"])])
        self._writers[category] = writer
        return writer

    def _cells(self, values: Mapping[str, Any] | ConsentError) -> list[str]:
        if isinstance(values, ConsentError):
            return []
        if not self._header:
            return [json.dumps(values, ensure_ascii=False)]
        return [_harmless(str(values[name])) for name in self._header]


def tally(
    verdicts: Iterable[Verdict], rows: Iterator[Row] | None, report: Report | None
) -> Counter[str]:
    """Count the verdicts, and write each row, read once more, into the file of its category."""
    counts: Counter[str] = Counter()
    for verdict in verdicts:
        counts[verdict.category] += 1
        if rows is not None and report is not None:
            report.write(verdict, next(row for row in rows if row.number == verdict.number))
    return counts


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula is shown as the text it is."""
    is_formula = cell[:1] in _STARTS_A_FORMULA and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell

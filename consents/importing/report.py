"""Files of the rows of each category, for whoever has to look at them."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from consents.errors import ConsentError
from consents.importing.files import Row, Source, Values
from consents.importing.verdicts import CATEGORIES, Verdict

_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?[\d\s().-]*")


class Report:
    """Writes `<category>.csv` in a directory: the row's number, what is wrong, the row itself.

    What an earlier report left there is replaced. Directory and files are made for their owner's
    eyes alone. Raises ConsentError `unwritable_report`.
    """

    def __init__(self, directory: Path, header: Sequence[str]) -> None:
        self.directory = directory
        self._header = header
        self._files = ExitStack()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> Report:
        with _clearly():
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for category in CATEGORIES:
                self._path(category).unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        with _clearly():
            self._files.close()

    def write(self, verdict: Verdict, row: Row) -> None:
        why = f"{verdict.error.code}: {verdict.error.message}" if verdict.error else ""
        with _clearly():
            writer = self._writers.get(verdict.category) or self._begin(verdict.category)
            writer.writerow([row.number, why, *self._cells(row.values)])

    def _path(self, category: str) -> Path:
        return self.directory / f"{category}.csv"

    def _begin(self, category: str) -> Any:
        writer = csv.writer(self._files.enter_context(_written_by_owner(self._path(category))))
        writer.writerow(["row", "why", *map(_harmless, self._header or ["content"])])
        self._writers[category] = writer
        return writer

    def _cells(self, values: Values | ConsentError) -> list[str]:
        if isinstance(values, ConsentError):
            return []
        if not self._header:
            return [json.dumps(values, ensure_ascii=False)]
        return [_harmless(values[name]) for name in self._header]


def tally(verdicts: Iterable[Verdict], source: Source, report: Report) -> Counter[str]:
    """Count the verdicts, and write each row, read once more, into the file of its category."""
    counts: Counter[str] = Counter()
    rows = source.rows()
    for verdict in verdicts:
        counts[verdict.category] += 1
        report.write(verdict, next(rows))
    source.check_unchanged()
    return counts


def _written_by_owner(path: Path) -> TextIO:
    """Lone surrogates, which JSON can carry, are shown as JSON writes them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace", newline="")


@contextmanager
def _clearly() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The report cannot be written: {error.strerror}."
        raise ConsentError("unwritable_report", message) from None


def _harmless(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula is shown as the text it is."""
    is_formula = cell[:1] in _STARTS_A_FORMULA and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell

"""Files of the rows of each category, for whoever has to look at them."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self, TextIO

from consents.errors import ConsentError
from consents.importing.files import Row, Source, Values
from consents.importing.verdicts import CATEGORIES, Verdict
from consents.tabular import harmless

_ESCAPED: Final = "backslashreplace"
"""Lone surrogates, which JSON can carry, are shown as JSON writes them."""


class Sheets:
    """A sheet of each category: the row's number, what is wrong, the row itself.

    They are files without a name, gone whenever this process is. Raises ConsentError
    `unwritable_report`.
    """

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header
        self._files = ExitStack()
        self._writers: dict[str, Any] = {}
        self._texts: dict[str, TextIO] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _clearly():
            self._files.close()

    def write(self, verdict: Verdict, row: Row) -> None:
        why = f"{verdict.error.code}: {verdict.error.message}" if verdict.error else ""
        with _clearly():
            writer = self._writers.get(verdict.category) or self._begin(verdict.category)
            writer.writerow([row.number, why, *self._cells(row.values)])

    @property
    def written(self) -> Mapping[str, TextIO]:
        """The sheets that have rows, each from its beginning."""
        for text in self._texts.values():
            text.seek(0)
        return self._texts

    def _opened(self, category: str) -> TextIO:
        return tempfile.TemporaryFile("w+", encoding="utf-8", errors=_ESCAPED, newline="")

    def _begin(self, category: str) -> Any:
        self._texts[category] = self._files.enter_context(self._opened(category))
        writer = csv.writer(self._texts[category])
        writer.writerow(["row", "why", *map(harmless, self._header or ["content"])])
        self._writers[category] = writer
        return writer

    def _cells(self, values: Values | ConsentError) -> list[str]:
        if isinstance(values, ConsentError):
            return []
        if not self._header:
            return [json.dumps(values, ensure_ascii=False)]
        return [harmless(values[name]) for name in self._header]


class Report(Sheets):
    """The same as `<category>.csv` in a directory.

    What an earlier report left there is replaced. Directory and files are made for their owner's
    eyes alone.
    """

    def __init__(self, directory: Path, header: Sequence[str]) -> None:
        super().__init__(header)
        self.directory = directory

    def __enter__(self) -> Self:
        with _clearly():
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for category in CATEGORIES:
                self._path(category).unlink(missing_ok=True)
        return self

    def _path(self, category: str) -> Path:
        return self.directory / f"{category}.csv"

    def _opened(self, category: str) -> TextIO:
        return _written_by_owner(self._path(category))


def first_rows(content: bytes, limit: int, *, is_whole: bool) -> list[list[str]]:
    """The heading of a sheet and at most so many of its rows; of its beginning, the whole ones."""
    found: list[list[str]] = []
    with suppress(csv.Error):  # a cell of a megabyte, which no page would show
        reader = csv.reader(io.StringIO(content.decode(errors="replace"), newline=""))
        found.extend(islice(reader, limit + 1))
    return found if is_whole or len(found) > limit else found[:-1]


def tally(verdicts: Iterable[Verdict], source: Source, report: Sheets) -> Counter[str]:
    """Count the verdicts, and write each row, read once more, into the file of its category."""
    counts: Counter[str] = Counter()
    rows = source.rows()
    for verdict in verdicts:
        counts[verdict.category] += 1
        report.write(verdict, next(rows))
    source.check_unchanged()
    return counts


def _written_by_owner(path: Path) -> TextIO:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    return os.fdopen(descriptor, "w", encoding="utf-8", errors=_ESCAPED, newline="")


@contextmanager
def _clearly() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The report cannot be written: {error.strerror}."
        raise ConsentError("unwritable_report", message) from None

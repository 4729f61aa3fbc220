"""Reads rows out of a file, one after another, and knows where each ends.

Nothing but the row at hand is held in memory. CSV as RFC 4180 has it, with a header, in UTF-8 with
or without its mark; or NDJSON, an object a line. A row that cannot be read is a row all the same.
"""

from __future__ import annotations

import csv
import hashlib
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, NamedTuple

from consents import strict_json
from consents.errors import ConsentError

ROW_MAX: Final = 1024 * 1024
"""Bytes; a longer one is no row of anybody's list."""

CSV, NDJSON = "csv", "ndjson"
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_NO_DELIMITER: Final = frozenset('"\r\n')

Values = Mapping[str, Any]
"""By column; of CSV texts alone."""


class Row(NamedTuple):
    """`number`: counted from 1; header and empty lines do not count. `end`: the byte after it."""

    number: int
    end: int
    values: Values | ConsentError


class Source:
    """A file and how its rows are written. `header`: its columns; of NDJSON empty.

    It must stay as it is while it is read: ConsentError `file_changed`.
    """

    def __init__(self, path: Path, format: str = CSV, delimiter: str = ",") -> None:
        """Raises ConsentError `unreadable_file`, `invalid_delimiter`, and as `_header_of`."""
        if len(delimiter) != 1 or delimiter in _NO_DELIMITER:
            message = "A delimiter is one character, and neither a quote nor a line's end."
            raise ConsentError("invalid_delimiter", message)
        self.path, self.format, self.delimiter = path, format, delimiter
        self.header: Sequence[str] = ()
        self._stamp = self._stamp_now()
        with self._open() as file:
            self._begin = len(_UTF8_MARK) if file.read(len(_UTF8_MARK)) == _UTF8_MARK else 0
            if format == CSV:
                file.seek(self._begin)
                self.header, self._begin = _header_of(file, delimiter)

    @property
    def size(self) -> int:
        return self._stamp[0]

    def sha256(self) -> bytes:
        with self._open() as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        self.check_unchanged()
        return digest

    def rows(self, position: int = 0, before: int = 0) -> Iterator[Row]:
        """The rows behind this byte, numbered on from the number of the row `before` them."""
        with self._open() as file:
            file.seek(max(position, self._begin))
            lines = _Lines(file)
            values = self._csv_values(lines) if self.format == CSV else _json_values(lines)
            for number, one in enumerate(values, before + 1):
                yield Row(number, lines.position, one)
        self.check_unchanged()

    def check_unchanged(self) -> None:
        """What has been read up to now is of the file that was opened first."""
        if self._stamp_now() != self._stamp:
            raise ConsentError("file_changed", "The file was changed while it was being read.")

    def _stamp_now(self) -> tuple[int, ...]:
        with _clearly():
            seen = self.path.stat()
        if not stat.S_ISREG(seen.st_mode):
            raise ConsentError("unreadable_file", "The file cannot be read: it is no plain file.")
        return seen.st_size, seen.st_mtime_ns, seen.st_ino, seen.st_dev

    @contextmanager
    def _open(self) -> Iterator[BufferedReader]:
        with _clearly(), self.path.open("rb") as file:
            yield file

    def _csv_values(self, lines: _Lines) -> Iterator[Values | ConsentError]:
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            cells, problem = _read(reader, lines)
            if problem:
                yield problem
            elif cells is None:
                return
            elif any(cells):  # an empty line is no row
                yield self._values(cells)

    def _values(self, cells: Sequence[str]) -> Values | ConsentError:
        if len(cells) != len(self.header):
            return _problem("wrong_number_of_cells")
        return dict(zip(self.header, cells, strict=True))


class _TooLongError(Exception):
    pass


class _Lines:
    """The lines of a file as text, broken off where a row grows too long.

    `position`: behind the last one. `problem`, `count`: what was wrong with one of those read for
    a row, and how many they were.
    """

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.position = file.tell()
        self.begin_row()

    def begin_row(self) -> None:
        self._begin = self.position
        self.count = 0
        self.problem = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(ROW_MAX + 1)
        if not line:
            raise StopIteration
        self.count += 1
        self.position += len(line)
        if self.position - self._begin > ROW_MAX:
            self._skip_the_rest(line)
            raise _TooLongError
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.problem = "not_utf8"
            return line.decode(errors="replace")

    def _skip_the_rest(self, line: bytes) -> None:
        while line and not line.endswith(b"\n"):
            line = self._file.readline(ROW_MAX)
            self.position += len(line)


@contextmanager
def _clearly() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        message = f"The file cannot be read: {error.strerror}."
        raise ConsentError("unreadable_file", message) from None


def _header_of(file: BufferedReader, delimiter: str) -> tuple[list[str], int]:
    """The names of the columns, and the byte behind them.

    Columns without a name may be several. Raises ConsentError `no_header`, `not_utf8`,
    `repeated_column`.
    """
    lines = _Lines(file)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    cells, problem = _read(filter(any, reader), lines)
    if problem and problem.code == "not_utf8":
        raise ConsentError("not_utf8", "The names of the columns are not in UTF-8.")
    if problem or not cells:
        raise ConsentError("no_header", "The file has no line with the names of its columns.")
    names = [name.strip() for name in cells]
    named = list(filter(None, names))
    if len(set(named)) != len(named):
        raise ConsentError("repeated_column", "Two columns of the file have the same name.")
    return names, lines.position


def _read(
    reader: Iterator[list[str]], lines: _Lines
) -> tuple[list[str] | None, ConsentError | None]:
    """The cells of a row, and what is wrong with them; after either the next row can be read."""
    lines.begin_row()
    try:
        cells = next(reader, None)
    except csv.Error:
        return None, _problem(lines.problem or "malformed_row", lines.count)
    except _TooLongError:
        return None, _problem("row_too_long", lines.count)
    return cells, _problem(lines.problem, lines.count) if lines.problem else None


def _json_values(lines: _Lines) -> Iterator[Values | ConsentError]:
    while True:
        lines.begin_row()
        try:
            line = next(lines, None)
        except _TooLongError:
            yield _problem("row_too_long")
            continue
        if line is None:
            return
        if line.strip():
            yield _problem(lines.problem) if lines.problem else _object(line)


def _object(line: str) -> Values | ConsentError:
    try:
        value = strict_json.read(line)
    except strict_json.MalformedError as malformed:
        return ConsentError("malformed_json", str(malformed))
    return value if isinstance(value, dict) else _problem("malformed_json")


_PROBLEMS: Final = {
    "malformed_row": "The row is not written as CSV is.",
    "malformed_json": "The line is not a JSON object.",
    "wrong_number_of_cells": "The row has not as many cells as the header.",
    "not_utf8": "The row is not in UTF-8.",
    "row_too_long": f"The row is longer than {ROW_MAX} bytes.",
}


def _problem(code: str, lines: int = 1) -> ConsentError:
    taken = f" It takes {lines} lines." if lines > 1 else ""
    return ConsentError(code, _PROBLEMS[code] + taken)

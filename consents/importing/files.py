"""Reads rows out of a file, one after another, and knows where each ends.

Nothing but the row at hand is held in memory. CSV as RFC 4180 has it, with a header, in UTF-8 with
or without its mark; or NDJSON, an object a line. A row that cannot be read is a row all the same.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, NamedTuple

from consents.errors import ConsentError

LINE_MAX: Final = 1024 * 1024
"""Bytes; a longer line is no row of anybody's list, and a quote that was never closed."""

CSV, NDJSON = "csv", "ndjson"
_UTF8_MARK: Final = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """`number`: counted from 1, the header not among them. `end`: the byte after it."""

    number: int
    end: int
    values: Mapping[str, Any] | ConsentError


@dataclass
class Source:
    """A file and how its rows are written."""

    path: Path
    format: str = CSV
    delimiter: str = ","
    header: Sequence[str] = field(init=False, default=())
    _begin: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Raises ConsentError `unreadable_file`, `no_header`, `repeated_column`."""
        with self._open() as file:
            if file.read(len(_UTF8_MARK)) == _UTF8_MARK:
                self._begin = len(_UTF8_MARK)
            if self.format == CSV:
                file.seek(self._begin)
                self.header, self._begin = self._read_header(file)

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def sha256(self) -> bytes:
        with self._open() as file:
            return hashlib.file_digest(file, "sha256").digest()

    def rows(self, position: int = 0, number: int = 0) -> Iterator[Row]:
        """The rows behind this byte, the first of which has the number after `number`."""
        with self._open() as file:
            file.seek(max(position, self._begin))
            read = self._csv_rows if self.format == CSV else self._json_rows
            yield from read(file, number)

    def _open(self) -> BufferedReader:
        try:
            return self.path.open("rb")
        except OSError as error:
            message = f"The file cannot be read: {error.strerror}."
            raise ConsentError("unreadable_file", message) from None

    def _read_header(self, file: BufferedReader) -> tuple[list[str], int]:
        lines = _Lines(file)
        names = next(csv.reader(lines, delimiter=self.delimiter), None)
        if lines.problem or not names:
            raise ConsentError("no_header", "The file has no line with the names of its columns.")
        names = [name.strip() for name in names]
        if len(set(names)) != len(names):
            raise ConsentError("repeated_column", "Two columns of the file have the same name.")
        return names, lines.position

    def _csv_rows(self, file: BufferedReader, number: int) -> Iterator[Row]:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error:
                cells, lines.problem = [], lines.problem or "malformed_row"
            if cells is None:
                return
            if not cells and not lines.problem:
                continue  # an empty line is no row
            number += 1
            yield Row(number, lines.position, self._values(cells, lines.settled()))

    def _values(self, cells: Sequence[str], problem: str) -> Mapping[str, Any] | ConsentError:
        if not problem and len(cells) != len(self.header):
            problem = "wrong_number_of_cells"
        if problem:
            return ConsentError(problem, _PROBLEMS[problem])
        return dict(zip(self.header, cells, strict=True))

    def _json_rows(self, file: BufferedReader, number: int) -> Iterator[Row]:
        lines = _Lines(file)
        for line in lines:
            problem = lines.settled()
            if line.strip() or problem:
                number += 1
                yield Row(number, lines.position, _object(line, problem))


class _Lines:
    """The lines of a file as text; `problem` is what was wrong with one since last asked."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self.position = file.tell()
        self.problem = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LINE_MAX + 1)
        if not line:
            raise StopIteration
        self.position += len(line)
        if len(line) > LINE_MAX:
            self._skip_the_rest()
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.problem = self.problem or "not_utf8"
            return line.decode(errors="replace")

    def settled(self) -> str:
        problem, self.problem = self.problem, ""
        return problem

    def _skip_the_rest(self) -> None:
        self.problem = "line_too_long"
        while True:
            more = self._file.readline(LINE_MAX)
            self.position += len(more)
            if not more or more.endswith(b"\n"):
                return


_PROBLEMS: Final = {
    "malformed_row": "The row is not written as CSV is.",
    "malformed_json": "The line is not a JSON object.",
    "wrong_number_of_cells": "The row has not as many cells as the header.",
    "not_utf8": "The row is not in UTF-8.",
    "line_too_long": f"The line is longer than {LINE_MAX} bytes.",
}


def _object(line: str, problem: str) -> Mapping[str, Any] | ConsentError:
    try:
        value = json.loads(line) if not problem else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    problem = problem or "malformed_json"
    return ConsentError(problem, _PROBLEMS[problem])

"""Rows as programs and spreadsheets take them: CSV, or JSON objects one a line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from consents.verdicts import compact

Cells = Sequence[Any]

MARK: Final = b"\xef\xbb\xbf"
"""Tells spreadsheets that what follows is in UTF-8."""

_STARTS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-]?[\d\s().-]*")


def in_csv(header: Sequence[str], rows: Iterable[Cells]) -> Iterator[bytes]:
    """Each row as CSV, after the header; what is None is empty."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    for cells in chain([header], rows):
        writer.writerow(cells)
        yield page.getvalue().encode()
        page.seek(0)
        page.truncate()


def in_ndjson(header: Sequence[str], rows: Iterable[Cells]) -> Iterator[bytes]:
    """Each row as a JSON object on a line of its own."""
    for cells in rows:
        yield f"{compact(dict(zip(header, cells, strict=True)))}\n".encode()


def harmless(cell: str) -> str:
    """A cell that a spreadsheet would run as a formula is shown as the text it is."""
    is_formula = cell[:1] in _STARTS_A_FORMULA and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if is_formula else cell


def gathered(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of at least this size, but for the last."""
    waiting: list[bytes] = []
    length = 0
    for piece in pieces:
        waiting.append(piece)
        length += len(piece)
        if length >= size:
            yield b"".join(waiting)
            waiting, length = [], 0
    if waiting:
        yield b"".join(waiting)

"""How an answered row is written: as it came, and behind it the verdict."""

from __future__ import annotations

import csv
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Final

from consents import verdicts
from consents.verdicts import NAMES, Fields

Pieces = tuple[str, str]
"""A verdict as it is written, cut in two where the value of `event` goes."""

TROUBLE: Final = "#error"
"""What the last row of an answer that could not be finished begins with, in CSV."""

_NAMES: Final = frozenset(NAMES)


class Writer(ABC):
    """Columns that are named like a field of the verdict give way to it: they are of yesterday."""

    @abstractmethod
    def heading(self) -> str:
        """What comes before the first row."""

    @abstractmethod
    def shown(self, verdict: Fields) -> Pieces: ...

    @abstractmethod
    def line(self, values: Mapping[str, Any], verdict: Pieces, event: str | None) -> str:
        """The row with its verdict; values that are not there stay empty."""

    @abstractmethod
    def trouble(self, code: str, message: str) -> str:
        """A row that nobody takes for a person who may be written to."""


class Cells(Writer):
    """CSV with the delimiter of the file. Columns without a name are left out."""

    def __init__(self, header: Sequence[str], delimiter: str) -> None:
        self._delimiter = delimiter
        self._kept = [name for name in header if name and name not in _NAMES]
        # What is quoted depends on it; it is cut off again, since the verdict comes behind.
        self._writer = csv.writer(self, delimiter=delimiter, lineterminator="\r\n")
        self._text = ""

    def write(self, text: str) -> None:
        """For the csv module, which writes a row at a time."""
        self._text = text

    def heading(self) -> str:
        return self._row([*self._kept, *NAMES]) + "\n"

    def shown(self, verdict: Fields) -> Pieces:
        return verdicts.in_csv(verdict, self._delimiter)

    def line(self, values: Mapping[str, Any], verdict: Pieces, event: str | None) -> str:
        before, after = verdict
        cells = self._row([values.get(name, "") for name in self._kept])
        return f"{cells}{self._delimiter}{before}{event or ''}{after}\n"

    def trouble(self, code: str, message: str) -> str:
        verdict = {**dict.fromkeys(NAMES), "allowed": False, "reason": code}
        return self.line({self._kept[0]: f"{TROUBLE} {message}"}, self.shown(verdict), None)

    def _row(self, cells: Sequence[str]) -> str:
        self._writer.writerow(cells)
        return self._text.removesuffix("\r\n")


class Lines(Writer):
    """NDJSON: the object with the fields of the verdict added."""

    def heading(self) -> str:
        return ""

    def shown(self, verdict: Fields) -> Pieces:
        return verdicts.in_json(verdict)

    def line(self, values: Mapping[str, Any], verdict: Pieces, event: str | None) -> str:
        if not _NAMES.isdisjoint(values):
            values = {name: value for name, value in values.items() if name not in _NAMES}
        before, after = verdict
        decided_by = f'"{event}"' if event else "null"
        comma = "," if values else ""
        return f"{verdicts.compact(values)[:-1]}{comma}{before}{decided_by}{after}}}\n"

    def trouble(self, code: str, message: str) -> str:
        error = {"code": code, "message": message, "field": None}
        return verdicts.compact({"allowed": False, "error": error}) + "\n"

"""The beginning of a file, and guesses at how it is written and what its columns mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePath
from typing import Any, Final

from consents.entries import is_storable
from consents.errors import ConsentError
from consents.importing import pieces
from consents.importing.columns import EVIDENCE_OF, FIELDS
from consents.importing.files import CSV, NDJSON, ROW_MAX, Source
from consents.models import ImportFile
from consents.verdicts import compact

ROWS: Final = 5
COLUMNS_MAX: Final = 200
DELIMITERS: Final = (",", ";", "\t", "|")

_BEGINNING: Final = 2 * ROW_MAX // pieces.SIZE
_NDJSON_ENDINGS: Final = (".ndjson", ".jsonl", ".json")
_QUOTED: Final = re.compile(r'"[^"]*"')
_NO_LETTERS: Final = re.compile(r"[\W_]+")

_ALSO: Final = {
    "identity": "phone phonenumber phoneno number msisdn mobile mobilenumber mobilephone cell "
    "cellphone tel telephone whatsapp whatsappnumber email emailaddress mail address recipient "
    "telefon telefonnummer handynummer mobil mobilnummer telefono telefone celular",
    "occurred_at": "date datetime time timestamp consentdate optindate optedinat consentat "
    "consenttime subscribedat createdat",
    "external_id": "id customerid contactid userid crmid memberid clientid",
    "display_name": "name fullname customername contactname",
    "language": "lang locale",
    "action": "consent status optin optstatus state",
    "source": "origin consentsource optinsource",
    "ip": "ipaddress",
    "user_agent": "useragent browser",
    "note": "notes comment comments remark",
    "purpose": "category topic",
    "channel": "medium",
}
_KNOWN: Final = {word: field for field, words in _ALSO.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class Sample:
    """The columns that have a name, and the first rows, each as text by column."""

    columns: Sequence[str]
    rows: Sequence[Mapping[str, str]]


def layout(file: ImportFile) -> tuple[str, str]:
    """Format and delimiter, as far as one can tell."""
    text = b"".join(islice(pieces.read(file, pieces.SOURCE), 1)).decode(errors="replace").lstrip()
    first = text.lstrip("\ufeff").splitlines()[:1]
    line = first[0] if first else ""
    if PurePath(file.name).suffix.lower() in _NDJSON_ENDINGS or line.startswith("{"):
        return NDJSON, ","
    bare = _QUOTED.sub("", line)
    return CSV, max(DELIMITERS, key=bare.count)


def sample(file: ImportFile, format: str, delimiter: str) -> Sample:
    """Raises ConsentError for a file that cannot be read so, and `too_many_columns`."""
    with pieces.begun(file, _BEGINNING) as path:
        source = Source(path, format, delimiter)
        whole = source.size == file.size
        # The last row of the beginning may be cut off.
        rows = (row.values for row in source.rows() if whole or row.end < source.size)
        first = [row for row in islice(rows, ROWS) if not isinstance(row, ConsentError)]
        named = source.header or (name for row in first for name in row)
    columns = [name for name in dict.fromkeys(named) if name and is_storable(name)]
    if len(columns) > COLUMNS_MAX:
        message = (
            f"The file has {len(columns)} columns; here at most {COLUMNS_MAX} can be looked at. "
            "The command import_consents takes it."
        )
        raise ConsentError("too_many_columns", message)
    return Sample(columns, [{name: _shown(cell) for name, cell in row.items()} for row in first])


def _shown(cell: Any) -> str:
    """Half of a surrogate pair, which JSON can write and UTF-8 cannot, stays an escape."""
    text = cell if isinstance(cell, str) else compact(cell)
    return text.encode(errors="backslashreplace").decode()


def fields(columns: Iterable[str]) -> dict[str, str]:
    """What each column is likely to be; a field is guessed once, nothing is empty."""
    guessed: dict[str, str] = {}
    for column in columns:
        field = _meant_by(column)
        taken = field in guessed.values()
        guessed[column] = "" if taken else field
    return guessed


def _meant_by(column: str) -> str:
    word = _NO_LETTERS.sub("", column.casefold())
    exact: dict[str, Any] = {_NO_LETTERS.sub("", name): name for name in FIELDS}
    if column.startswith(EVIDENCE_OF):
        return column
    return str(exact.get(word) or _KNOWN.get(word, ""))

"""A line of the ledger as the bytes that are sealed: every column of it.

They are those that PostgreSQL itself writes for a row in COPY's binary format (its manual, COPY,
"Binary Format": the number of fields, then each with its length before it, -1 for null): nothing
is read two ways, and nothing has to be taken apart to be checked. Times are microseconds since
2000-01-01 UTC.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from django.db import connection

FORMAT: Final = 1
COLUMNS: Final = (
    *("seq", "id", "sender_id", "identity_id", "action", "purpose_id", "source", "origin"),
    *("actor", "lifts", "occurred_at", "recorded_at", "effective", "outcome", "cause_id"),
    *("address_commitment", "detail_commitment"),
)
"""Of format 1. A line that gets another column is sealed in another format."""

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_COUNT: Final = 2
_LENGTH: Final = 4
_SEQ: Final = slice(6, 14)


def hashes(after: int | None, upto: int, limit: int | None = None) -> list[bytes]:
    """The leaves of the lines with `after < seq <= upto` in their order, the first `limit`."""
    sha256 = hashlib.sha256
    return [sha256(b"\0" + entry).digest() for entry in entries(after, upto, limit)]


def entries(after: int | None, upto: int, limit: int | None = None) -> Iterator[bytes]:
    """The same lines as bytes, read as they are asked for. Without `after` from the very first."""
    statement = f"COPY ({_lines(after, upto, limit)}) TO STDOUT (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        # The server sends one row at a time, the file's head with the first.
        for data in copy:
            entry = bytes(data).removeprefix(_SIGNATURE)
            if entry != _END:
                yield entry


def seq(entry: bytes) -> int:
    return int.from_bytes(entry[_SEQ], signed=True)


def fields(entry: bytes) -> dict[str, bytes | None]:
    """The columns of a line as they are written there."""
    found: dict[str, bytes | None] = {}
    at = _COUNT
    for name in COLUMNS:
        length = int.from_bytes(entry[at : at + _LENGTH], signed=True)
        at += _LENGTH
        found[name] = entry[at : at + length] if length >= 0 else None
        at += max(length, 0)
    return found


def replaced(entry: bytes, column: str, value: bytes | None) -> bytes:
    """The same line with one column as it would be written otherwise."""
    columns = {**fields(entry), column: value}
    return entry[:_COUNT] + b"".join(map(_written, columns.values()))


def _written(value: bytes | None) -> bytes:
    if value is None:
        return (-1).to_bytes(_LENGTH, signed=True)
    return len(value).to_bytes(_LENGTH) + value


def _lines(after: int | None, upto: int, limit: int | None) -> str:
    begins = f"seq > {after:d} AND " if after is not None else ""
    bound = f" LIMIT {limit:d}" if limit is not None else ""
    return (
        f"SELECT {', '.join(COLUMNS)} FROM consents_consentevent "  # noqa: S608 - names are ours
        f"WHERE {begins}seq <= {upto:d} ORDER BY seq{bound}"
    )

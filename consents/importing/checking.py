"""The dry run: what recording a file would do, row by row, with nothing recorded and no lock held.

The rows are staged in tables of this connection alone and judged by the statement that would write
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from django.db import Error, connection, transaction

from consents.batch import people, staging
from consents.batch.staging import Staged
from consents.errors import ConsentError
from consents.importing import verdicts
from consents.importing.columns import Reader
from consents.importing.files import Source
from consents.importing.rows import Preparer, Refused, chunks, running_clock
from consents.importing.verdicts import Verdict
from consents.models import Sender
from consents.notices import Notices
from consents.purposes import PurposeTree
from consents.vocabulary import StopScope

_FETCHED: Final = 5_000

# Somebody new has an id that all their rows share and nobody has.
_KEEP: Final = f"""
INSERT INTO checked_statement
SELECT n, COALESCE(known.id, encode(substring(digest FROM 1 FOR 16), 'hex')::uuid), false, action,
       purpose_id, origin, lifts, stated_at, channel, owner
FROM staged_statement staged LEFT JOIN {people.KNOWN} ON true
"""


def check(
    sender: Sender, source: Source, reader: Reader, progress: Callable[[int], None]
) -> Iterator[Verdict]:
    """A verdict on each row, in their order. `progress` hears how many bytes have been read.

    Stages the whole file before the first verdict.
    """
    known = (PurposeTree.load(), Notices.of(sender))
    preparer = Preparer(sender, *known, reader, running_clock(), None, "")
    with _tables():
        for chunk in chunks(source, preparer, 0, 0):
            _stage(sender, chunk.staged)
            _copy("checked_refusal", map(_refusal, chunk.refused))
            progress(chunk.end)
        yield from _verdicts(sender)


@contextmanager
def _tables() -> Iterator[None]:
    """Of this connection; not in a transaction, of which a long one holds up the feeds."""
    _drop()
    with connection.cursor() as cursor:
        for name, columns in verdicts.TABLES.items():
            cursor.execute(f"CREATE TEMP TABLE {name} ({columns})")
    try:
        yield
    finally:
        # Where that cannot be done the connection is lost, or its transaction, and they with it.
        with suppress(Error):
            _drop()


def _drop() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(verdicts.TABLES)}")


def _stage(sender: Sender, staged: Staged) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        staging.stage(staged)
        cursor.execute(_KEEP, {"sender": sender.id})


def _copy(table: str, rows: Iterator[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _refusal(row: Refused) -> tuple[Any, ...]:
    return (row.number, row.error.code, row.error.message, row.error.field)


def _verdicts(sender: Sender) -> Iterator[Verdict]:
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(verdicts.TABLES)}")
    everywhere = sender.stop_scope == StopScope.CONTACT
    with connection.chunked_cursor() as cursor:
        cursor.execute(verdicts.ALL, {"sender": sender.id, "everywhere": everywhere})
        while rows := cursor.fetchmany(_FETCHED):
            for number, category, code, message, field in rows:
                error = ConsentError(code, message, field) if code else None
                yield Verdict(number, category, error)

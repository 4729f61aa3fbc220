"""The dry run: what recording a file would do, row by row, with nothing recorded and no lock held.

The rows are staged in a table of this connection alone and judged by the statement that would
write them.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from consents.batch import people, recording, sql
from consents.batch.people import Known
from consents.errors import ConsentError
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.importing.rows import Preparer, Ready, Refused, chunks, running_clock
from consents.models import Sender
from consents.purposes import PurposeTree

INVALID: Final = "invalid"
CATEGORIES: Final = {
    "new": "somebody of whom nothing was said for this purpose",
    "changed": "somebody whose state changes",
    "no_change": "so already",
    "out_of_order": "older than what is known",
    "would_resurrect": "an opt-in that may not lift an opt-out: kept, and changes nothing",
    "duplicate": "the same as an earlier row of the file",
    INVALID: "cannot be recorded",
}
"""What may come of a row, in words."""

_STAGE: Final = f"CREATE TEMP TABLE checked_statement ({sql.table(sql.COLUMNS)}, owner text)"
_FETCH: Final = 5_000
_COPY: Final = "COPY checked_statement FROM STDIN"

# An opt-in of an identity that is another contact's is refused, and changes nothing.
_VERDICTS: Final = f"""
WITH claimed AS (
    SELECT DISTINCT ON (identity_id) identity_id, owner FROM checked_statement
    WHERE owner IS NOT NULL ORDER BY identity_id, n
), owned AS (
    SELECT staged.*, staged.action = 'opt_in' AND staged.owner <> CASE
               WHEN contact.external_id IS NOT NULL OR contact.display_name <> ''
               THEN COALESCE(contact.external_id, '') ELSE claimed.owner END
           IS TRUE AS is_others
    FROM checked_statement staged
    LEFT JOIN claimed ON claimed.identity_id = staged.identity_id
    LEFT JOIN consents_channelidentity identity ON identity.id = staged.identity_id
    LEFT JOIN consents_contact contact ON contact.id = identity.contact_id
), valid AS (
    SELECT * FROM owned WHERE NOT is_others
), {sql.judged("valid")}
SELECT n, CASE
    WHEN row_number() OVER (PARTITION BY identity_id, purpose_id, action, stated_at ORDER BY n) > 1
    THEN 'duplicate'
    WHEN outcome = 'changed' AND old_state IS NULL THEN 'new'
    ELSE outcome END
FROM judged
UNION ALL SELECT n, 'identity_conflict' FROM owned WHERE is_others
ORDER BY n
"""

_CONFLICT: Final = ConsentError(
    "identity_conflict", "This identity belongs to another contact.", "identity"
)


class Verdict(NamedTuple):
    """What would come of the row with this number; `error` where it cannot be recorded."""

    number: int
    category: str
    error: ConsentError | None = None


def check(
    sender: Sender, source: Source, manner: Manner, progress: Callable[[int], None]
) -> Iterator[Verdict]:
    """A verdict on each row, in their order. `progress` hears how many bytes have been read.

    Stages the whole file before the first verdict. Raises ConsentError for a manner that makes no
    sense.
    """
    reader = Reader(manner, source.header, "")
    preparer = Preparer(sender, PurposeTree.load(), reader, running_clock(), None, "")
    refused: deque[Verdict] = deque()
    with _table():
        for chunk in chunks(source, preparer, 0, 0):
            refused += (_refusal(one) for one in chunk.rows if isinstance(one, Refused))
            _stage(sender, [one for one in chunk.rows if isinstance(one, Ready)])
            progress(chunk.end)
        yield from heapq.merge(refused, _verdicts(), key=lambda verdict: verdict.number)


@contextmanager
def _table() -> Iterator[None]:
    """Of this connection; not in a transaction, of which a long one holds up the feeds."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS checked_statement")
        cursor.execute(_STAGE)
        try:
            yield
        finally:
            cursor.execute("DROP TABLE IF EXISTS checked_statement")


def _stage(sender: Sender, rows: Sequence[Ready]) -> None:
    found = people.find(sender, [row.statement for row in rows])
    with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            identity = found.get(row.key) or _nobody(row)
            owner = row.names.external_id if row.names else None
            copy.write_row((*recording.staged(row.number, row.statement, identity), owner))


def _nobody(row: Ready) -> Known:
    """Somebody new, under an id that all their rows share and nobody has."""
    return Known(UUID(bytes=row.statement.digest[:16]), UUID(int=0), None)


def _verdicts() -> Iterator[Verdict]:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE checked_statement")
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(_VERDICTS)
        while rows := cursor.fetchmany(_FETCH):
            for number, word in rows:
                is_conflict = word == _CONFLICT.code
                yield Verdict(number, INVALID, _CONFLICT) if is_conflict else Verdict(number, word)


def _refusal(row: Refused) -> Verdict:
    return Verdict(row.number, INVALID, row.error)

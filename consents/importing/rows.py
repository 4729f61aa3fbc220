"""Rows of a file made ready to be written, as far as that can be done without the database."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from consents import entries
from consents.addressbook import AddressKey, key_of
from consents.batch.prepared import NewContact, Prepared, prepare, stands_alone
from consents.batch.staging import Staged, encoded
from consents.entries import Entry
from consents.errors import ConsentError
from consents.importing.columns import Reader
from consents.importing.files import Row, Source
from consents.importing.names import Names
from consents.models import Sender
from consents.models.base import new_id_text
from consents.purposes import PurposeTree
from consents.writing import database_clock

CHUNK: Final = 10_000


class Ready(NamedTuple):
    """A row that can be recorded; `is_lone`: its statement can be written together with others."""

    number: int
    entry: Entry
    names: Names | None
    statement: Prepared
    is_lone: bool

    @property
    def key(self) -> AddressKey:
        return key_of(self.statement.address)


class Refused(NamedTuple):
    """A row that cannot be recorded, and why."""

    number: int
    error: ConsentError


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows that belong together, `end` being the byte behind the last and `last` its number.

    `staged`: all that can be recorded. `entangled`: the same one by one, where there are some that
    could concern more than their own identity, else nothing.
    """

    staged: Staged
    entangled: Sequence[Ready]
    refused: Sequence[Refused]
    rows: int
    end: int
    last: int


@dataclass(frozen=True, slots=True)
class Preparer:
    """Checks each row as `ledger.record_many` would check its entry.

    `clock`: what the database's is, as far as this process can tell. `run` and `digest` (SHA-256
    of the file, hex) go into the evidence of every line.
    """

    sender: Sender
    purposes: PurposeTree
    reader: Reader
    clock: Callable[[], datetime]
    run: UUID | None
    digest: str

    def chunk(self, rows: Sequence[Row]) -> Chunk:
        now = self.clock()
        looked_at = [self._row(row, now) for row in rows]
        ready = [one for one in looked_at if isinstance(one, Ready)]
        return Chunk(
            _staged(ready),
            ready if any(map(may_concern_others, ready)) else [],
            [one for one in looked_at if isinstance(one, Refused)],
            len(rows),
            rows[-1].end,
            rows[-1].number,
        )

    def _row(self, row: Row, now: datetime) -> Ready | Refused:
        if isinstance(row.values, ConsentError):
            return Refused(row.number, row.values)
        try:
            entry, names = self.reader.entry(row.values, self._actor, self._evidence(row.number))
            draft = entries.check(entry, self.sender, self.purposes, now, is_single=False)
        except ConsentError as error:
            return Refused(row.number, error)
        return Ready(row.number, entry, names, prepare(draft), stands_alone(draft, now))

    @property
    def _actor(self) -> str:
        return f"import:{self.run}"

    def _evidence(self, number: int) -> dict[str, object]:
        return {"run": str(self.run), "file_sha256": self.digest, "row": number}


def may_concern_others(row: Ready) -> bool:
    return not row.is_lone or row.names is not None


def _staged(rows: Sequence[Ready]) -> Staged:
    """A contact that is new has the names that its first row gives."""
    contacts: dict[str, NewContact] = {}
    return encoded((row.number, _owned(row, contacts)) for row in rows)


def _owned(row: Ready, contacts: dict[str, NewContact]) -> Prepared:
    if row.names is None:
        return row.statement
    external_id = row.names.external_id
    if external_id not in contacts:
        contacts[external_id] = NewContact(new_id_text(), *row.names)
    return row.statement._replace(contact=contacts[external_id])


def running_clock() -> Callable[[], datetime]:
    """The database's clock, asked once and then reckoned: a thread that reads asks nobody."""
    asked, begun = database_clock(), time.monotonic()
    return lambda: asked + timedelta(seconds=time.monotonic() - begun)


def chunks(source: Source, preparer: Preparer, position: int, number: int) -> Iterator[Chunk]:
    """The rows behind this byte, the first having the number after `number`."""
    rows = source.rows(position, number)
    while batch := list(islice(rows, CHUNK)):
        source.check_unchanged()
        yield preparer.chunk(batch)

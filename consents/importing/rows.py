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
from consents.batch.prepared import (
    NewContact,
    Prepared,
    ask_and_say_more,
    prepare,
    stands_alone,
    waits,
)
from consents.batch.staging import Rows, Staged
from consents.entries import Entry
from consents.errors import ConsentError
from consents.importing.columns import Reader
from consents.importing.files import Row, Source, Values
from consents.importing.names import Names
from consents.models import Sender
from consents.models.base import new_id_text
from consents.models.imports import actor_of
from consents.notices import Notices
from consents.purposes import PurposeTree
from consents.writing import database_clock

CHUNK: Final = 10_000


class Ready(NamedTuple):
    """A row that can be recorded; `is_lone`: its statement can be written together with others.

    `waits`: it is an opt-in that has to be confirmed.
    """

    number: int
    values: Values
    names: Names | None
    key: AddressKey
    is_lone: bool
    waits: bool


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
    notices: Notices
    reader: Reader
    clock: Callable[[], datetime]
    run: UUID | None
    digest: str

    def chunk(self, rows: Sequence[Row]) -> Chunk:
        now = self.clock()
        staged, contacts = Rows(), _Contacts()
        ready: list[Ready] = []
        refused: list[Refused] = []
        for row in rows:
            try:
                one, statement = self._read(row, now)
            except ConsentError as error:
                refused.append(Refused(row.number, error))
            else:
                ready.append(one)
                staged.add(row.number, contacts.owned(statement, one.names))
        ready = _apart(ready)
        entangled = ready if any(map(may_concern_others, ready)) else []
        last = rows[-1]
        return Chunk(staged.encoded(), entangled, refused, len(rows), last.end, last.number)

    def entry(self, row: Ready) -> Entry:
        """What the row asks to have recorded."""
        entry, _ = self._entry(row.number, row.values)
        return entry

    def _read(self, row: Row, now: datetime) -> tuple[Ready, Prepared]:
        if isinstance(row.values, ConsentError):
            raise row.values
        entry, names = self._entry(row.number, row.values)
        known = (self.sender, self.purposes, self.notices)
        draft = entries.check(entry, *known, now, is_single=False)
        one = prepare(draft)
        says = (stands_alone(draft, now), waits(draft))
        return Ready(row.number, row.values, names, key_of(one.address), *says), one

    def _entry(self, number: int, values: Values) -> tuple[Entry, Names | None]:
        run = str(self.run)
        evidence = {"run": run, "file_sha256": self.digest, "row": number}
        return self.reader.entry(values, actor_of(self.run), evidence)


def may_concern_others(row: Ready) -> bool:
    return not row.is_lone or row.names is not None


def _apart(rows: list[Ready]) -> list[Ready]:
    """The rows, of which some have to be written line by line."""
    several = ask_and_say_more([(row.key, row.waits) for row in rows])
    if not several:
        return rows
    return [row._replace(is_lone=row.is_lone and row.key not in several) for row in rows]


class _Contacts:
    """Those that a chunk names; one that is new has the names that its first row gives."""

    def __init__(self) -> None:
        self._named: dict[str, NewContact] = {}

    def owned(self, one: Prepared, names: Names | None) -> Prepared:
        if names is None:
            return one
        if names.external_id not in self._named:
            self._named[names.external_id] = NewContact(new_id_text(), *names)
        return one._replace(contact=self._named[names.external_id])


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

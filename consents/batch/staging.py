"""Statements as rows of a staging table: one row holds all that will be written of it.

Made without the database, so that somebody else can make them while it works.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.db import connection

from consents.addressbook import AddressKey, key_of
from consents.batch import sql
from consents.batch.prepared import NewContact, Prepared
from consents.commitments import commit_to_address
from consents.identifiers import Address
from consents.models.base import new_id_text
from consents.vocabulary import Action

COLUMNS: Final = {
    **sql.FOLDED,
    "is_first": "boolean",
    "contact_id": "uuid",
    "channel": "text",
    "address": "text",
    "lookup_key": "text",
    "digest": "bytea",
    "warnings": "jsonb",
    "owner": "text",
    "external_id": "text",
    "display_name": "text",
    "language": "text",
    "event_id": "uuid",
    "consent_id": "uuid",
    "source": "text",
    "actor": "text",
    "ip": "inet",
    "user_agent": "text",
    "evidence": "jsonb",
    "note": "text",
    "salt": "bytea",
    "address_salt": "bytea",
    "address_commitment": "bytea",
    "detail_commitment": "bytea",
}
"""`is_first`: the identity is to be made as this row has it, where nobody knows it. `owner`: whose
the statement says it is, by the sender's own id."""

_MAYBE_NULL: Final = frozenset({"stated_at", "owner", "external_id", "ip"})
_TEXTS: Final = [name for name, kind in COLUMNS.items() if kind == "text"]
_CREATE: Final = (
    f"CREATE TEMP TABLE IF NOT EXISTS {sql.STAGED} ({sql.table(COLUMNS)}) ON COMMIT DELETE ROWS"
)
_EMPTY: Final = f"TRUNCATE {sql.STAGED}"
_COPY: Final = (
    f"COPY {sql.STAGED} FROM STDIN (FORMAT csv, "
    f"FORCE_NOT_NULL ({', '.join(name for name in _TEXTS if name not in _MAYBE_NULL)}))"
)
# Enough to sort ten thousand statements in memory; which take less time than compiling them would.
_ROOM: Final = "SET LOCAL work_mem = '64MB'; SET LOCAL jit = off"
_LAST_YEAR: Final = 9998


class Staged(NamedTuple):
    """Rows as COPY takes them, of so many different people.

    `asks`: there are opt-ins among them that have to be confirmed.
    """

    rows: bytes
    people: int
    asks: bool


class Row(NamedTuple):
    """As the columns have them: ids and bytes as PostgreSQL writes them."""

    n: int
    identity_id: str
    is_made: bool
    action: str
    purpose_id: str
    origin: str
    lifts: str
    stated_at: datetime | None
    is_first: bool
    contact_id: str
    channel: str
    address: str
    lookup_key: str
    digest: str
    warnings: str
    owner: str | None
    external_id: str | None
    display_name: str
    language: str
    event_id: str
    consent_id: str
    source: str
    actor: str
    ip: str | None
    user_agent: str
    evidence: str
    note: str
    salt: str
    address_salt: str
    address_commitment: str
    detail_commitment: str


def row(statement: Prepared) -> Row:
    """Of a statement alone."""
    rows = Rows()
    rows.add(0, statement)
    return rows.rows[0]


def encoded(statements: Iterable[tuple[int, Prepared]]) -> Staged:
    """A row for each, under its number."""
    rows = Rows()
    for number, one in statements:
        rows.add(number, one)
    return rows.encoded()


class Rows:
    """Rows, made of statements as they come, of which nothing else is kept.

    An identity that several speak of has the spelling that came first, and the contact that was
    named first, if any was.
    """

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._people: dict[AddressKey, _Person] = {}
        self._asks = False
        self._named: dict[str, NewContact] = {}

    def add(self, number: int, one: Prepared) -> None:
        key = key_of(one.address)
        self._asks = self._asks or one.action == Action.OPT_IN_REQUESTED
        person = self._people.get(key)
        is_first = person is None
        if person is None:
            contact = one.contact or NewContact(new_id_text())
            person = self._people[key] = _Person(new_id_text(), contact, one.address)
        elif one.contact and person.contact.external_id is None:
            person = self._people[key] = person._replace(contact=one.contact)
            self._named[person.identity] = one.contact
        self.rows.append(_row(number, one, person, is_first=is_first))

    def encoded(self) -> Staged:
        text = io.StringIO()
        csv.writer(text).writerows(map(self._of_contact, self.rows) if self._named else self.rows)
        return Staged(text.getvalue().encode(), len(self._people), self._asks)

    def _of_contact(self, row: Row) -> Row:
        """What was said before the contact was named is of the same contact."""
        contact = self._named.get(row.identity_id)
        return row._replace(**_columns_of(contact)) if contact else row


def stage(staged: Staged) -> None:
    """Put them into the table, alone. In a transaction, at whose end they are gone."""
    with connection.cursor() as cursor:
        cursor.execute(_ROOM)
        cursor.execute(_CREATE)
        cursor.execute(_EMPTY)
        with cursor.copy(_COPY) as copy:
            copy.write(staged.rows)


def leave_out(numbers: Sequence[int]) -> None:
    """Take these statements out of the table: somebody else writes them."""
    if numbers:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM staged_statement WHERE n = ANY(%s)", [list(numbers)])


def as_bytes(content: bytes) -> str:
    """As PostgreSQL writes them."""
    return f"\\x{content.hex()}"


class _Person(NamedTuple):
    """Somebody who may be new: the ids they would have, and the address as it came first."""

    identity: str
    contact: NewContact
    address: Address


def _row(n: int, one: Prepared, person: _Person, *, is_first: bool) -> Row:
    address = person.address
    is_spelled_so = one.address.value == address.value
    commitment = one.address_commitment if is_spelled_so else committed(one, address.value)
    return Row(
        n=n,
        identity_id=person.identity,
        is_made=True,
        action=one.action,
        purpose_id=_text(one.purpose),
        origin=one.origin,
        lifts=one.lifts,
        stated_at=_in_utc(one.occurred_at),
        is_first=is_first,
        **_columns_of(person.contact),
        channel=address.channel.value,
        address=address.value,
        lookup_key=address.lookup_key,
        digest=as_bytes(one.digest),
        warnings=_warnings(address.warnings) if is_first else "[]",
        owner=one.contact.external_id if one.contact else None,
        event_id=one.event,
        consent_id=new_id_text(),
        source=one.source,
        actor=one.actor,
        ip=one.ip,
        user_agent=one.user_agent,
        evidence=one.evidence,
        note=one.note,
        salt=as_bytes(one.salt),
        address_salt=as_bytes(one.address_salt),
        address_commitment=as_bytes(commitment),
        detail_commitment=as_bytes(one.detail_commitment),
    )


def _columns_of(contact: NewContact) -> dict[str, Any]:
    return {
        "contact_id": contact.id,
        "external_id": contact.external_id,
        "display_name": contact.display_name,
        "language": contact.language,
    }


def committed(one: Prepared, kept: str) -> bytes:
    """The commitment to the address that is kept, in another spelling."""
    return commit_to_address(one.address_salt, one.address.channel.value, kept)


# Of both there are few, and they are slow to write.
_warnings = lru_cache(maxsize=100)(json.dumps)
_text = lru_cache(maxsize=1000)(str)


def _in_utc(time: datetime | None) -> datetime | None:
    """PostgreSQL reads no offset finer than seconds; the last hours of year 9999 have no UTC."""
    if time is None or time.tzinfo is UTC or time.year > _LAST_YEAR:
        return time
    return time.astimezone(UTC)

"""The identities that addresses mean, found or made, and locked; by one statement each."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from consents.addressbook import AddressKey, key_of
from consents.batch import sql
from consents.batch.prepared import NewContact, Prepared
from consents.models import Sender
from consents.models.base import new_id
from consents.models.prepared import prepared


class Known(NamedTuple):
    """An identity as the database has it; `address` is None once it is erased."""

    id: UUID
    contact: UUID
    address: str | None


People = dict[AddressKey, Known]

# Erased identities have no lookup key, and are recognised by their digest.
_FIND: Final = """
WITH wanted AS (
    SELECT * FROM unnest(%(keys)s::text[], %(digests)s::bytea[]) WITH ORDINALITY
        AS one(lookup_key, digest, n)
)
SELECT wanted.n, identity.id, identity.contact_id, identity.address
FROM wanted JOIN consents_channelidentity identity
     ON identity.sender_id = %(sender)s AND identity.channel = %(channel)s
    AND identity.lookup_key = wanted.lookup_key
UNION ALL
SELECT wanted.n, identity.id, identity.contact_id, identity.address
FROM wanted JOIN consents_channelidentity identity
     ON identity.sender_id = %(sender)s AND identity.channel = %(channel)s
    AND identity.digest = wanted.digest
WHERE identity.lookup_key IS NULL
"""
_FIND_ONE: Final = """
SELECT id, contact_id, address FROM consents_channelidentity
WHERE sender_id = %(sender)s AND channel = %(channel)s
  AND (lookup_key = %(lookup_key)s OR digest = %(digest)s)
"""

_COLUMNS: Final = {
    "id": "uuid",
    "channel": "text",
    "address": "text",
    "lookup_key": "text",
    "digest": "bytea",
    "warnings": "jsonb",
    "contact_id": "uuid",
    "external_id": "text",
    "display_name": "text",
    "language": "text",
}
_STAGED: Final = "staged_identity"
_STAGE: Final = (
    f"CREATE TEMP TABLE IF NOT EXISTS {_STAGED} ({sql.table(_COLUMNS)}) ON COMMIT DELETE ROWS"
)
_COPY: Final = f"COPY {_STAGED} FROM STDIN"

# In one order for everybody, since inserts of the same address wait for each other. A contact is
# made for what was made alone: somebody else may be faster.
_INSERT: Final = """
made AS (
    INSERT INTO consents_channelidentity
        (id, sender_id, contact_id, channel, address, lookup_key, digest, warnings, created_at)
    SELECT id, %(sender)s, contact_id, channel, address, lookup_key, digest, warnings, now()
    FROM staged_identity ORDER BY channel, lookup_key
    ON CONFLICT DO NOTHING
    RETURNING id
), contacts AS (
    INSERT INTO consents_contact
        (id, sender_id, external_id, display_name, language, created_at)
    SELECT DISTINCT ON (contact_id)
           contact_id, %(sender)s, external_id, display_name, language, now()
    FROM staged_identity JOIN made USING (id)
)
SELECT id FROM made
"""
_MAKE: Final = f"WITH {_INSERT}"
_MAKE_ONE: Final = f"WITH {sql.only_row(_STAGED, _COLUMNS)}, {_INSERT}"

_LOCK: Final = """
SELECT count(*) FROM (
    SELECT FROM consents_standing WHERE identity_id = ANY(%s)
    ORDER BY identity_id FOR NO KEY UPDATE
) AS locked
"""


def find(sender: Sender, statements: Sequence[Prepared]) -> People:
    """Those of the addresses spoken of that are known already."""
    if len(statements) == 1:
        return _find_one(sender, statements[0])
    wanted: dict[str, dict[AddressKey, bytes]] = {}
    for one in statements:
        wanted.setdefault(one.address.channel.value, {})[key_of(one.address)] = one.digest
    found: People = {}
    with connection.cursor() as cursor:
        for channel, digests in wanted.items():
            keys = list(digests)
            cursor.execute(_FIND, _sought(sender, channel, digests))
            for n, *known in cursor:
                found[keys[n - 1]] = Known(*known)
    return found


def make(sender: Sender, statements: Sequence[Prepared], found: People) -> set[UUID]:
    """Make the identities that are not found, and add them to `found`; which were made here.

    Must run in a transaction, before any standing is locked. Their standings are still to be made,
    in the same transaction.
    """
    missing = _missing(statements, found)
    if not missing:
        return set()
    planned = {key: _planned(one) for key, one in missing.items()}
    rows = [_row(one, planned[key]) for key, one in missing.items()]
    made = _insert_one(sender, rows[0]) if len(rows) == 1 else _insert(sender, rows)
    found.update((key, known) for key, known in planned.items() if known.id in made)
    lost = [one for key, one in missing.items() if planned[key].id not in made]
    if lost:
        found.update(find(sender, lost))
    return made


def lock(identities: Iterable[UUID]) -> None:
    """Lock these standings, in the one order that everybody keeps."""
    ids = sorted(set(identities))
    if ids:
        with prepared() as cursor:
            cursor.execute(_LOCK, [ids])


def _missing(statements: Sequence[Prepared], found: People) -> dict[AddressKey, Prepared]:
    """In the spelling that came first, and of the contact that was named first, if any was."""
    missing: dict[AddressKey, Prepared] = {}
    for one in statements:
        key = key_of(one.address)
        if key not in found:
            first = missing.setdefault(key, one)
            if one.contact and not first.contact:
                missing[key] = first._replace(contact=one.contact)
    return missing


def _find_one(sender: Sender, statement: Prepared) -> People:
    address = statement.address
    sought = {
        "sender": sender.id,
        "channel": address.channel.value,
        "lookup_key": address.lookup_key,
        "digest": statement.digest,
    }
    with prepared() as cursor:
        cursor.execute(_FIND_ONE, sought)
        return {key_of(address): Known(*row) for row in cursor}


def _sought(sender: Sender, channel: str, digests: Mapping[AddressKey, bytes]) -> dict[str, Any]:
    return {
        "sender": sender.id,
        "channel": channel,
        "keys": [lookup_key for _, lookup_key in digests],
        "digests": list(digests.values()),
    }


def _planned(statement: Prepared) -> Known:
    contact = statement.contact or NewContact(new_id())
    return Known(new_id(), contact.id, statement.address.value)


def _insert(sender: Sender, rows: Iterable[tuple[Any, ...]]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_STAGE)
        with cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(_MAKE, {"sender": sender.id})
        made = {id for (id,) in cursor}
        cursor.execute(f"TRUNCATE {_STAGED}")
    return made


def _insert_one(sender: Sender, row: tuple[Any, ...]) -> set[UUID]:
    with prepared() as cursor:
        values = dict(zip(_COLUMNS, row, strict=True))
        cursor.execute(_MAKE_ONE, {**values, "sender": sender.id})
        return {id for (id,) in cursor}


def _row(statement: Prepared, known: Known) -> tuple[Any, ...]:
    address, contact = statement.address, statement.contact or NewContact(known.contact)
    return (
        known.id,
        address.channel.value,
        address.value,
        address.lookup_key,
        statement.digest,
        json.dumps(address.warnings),
        *contact,
    )

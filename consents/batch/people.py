"""The identities that staged statements mean, made or found, and locked; by one statement each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from consents.batch import sql, staging
from consents.batch.staging import Row
from consents.commitments import commit_to_address
from consents.models import Sender
from consents.models.prepared import prepared


class Known(NamedTuple):
    """An identity as the database has it; `address` is None once it is erased."""

    id: UUID
    contact: UUID
    address: str | None


class Respelled(NamedTuple):
    """A statement whose identity is kept in another spelling."""

    n: int
    channel: str
    salt: bytes
    kept: str

    @property
    def commitment(self) -> bytes:
        """To the address that is kept."""
        return commit_to_address(self.salt, self.channel, self.kept)


# Erased identities have no lookup key, and are recognised by their digest.
KNOWN: Final = """
LATERAL (
    SELECT id, contact_id, address FROM consents_channelidentity identity
    WHERE sender_id = %(sender)s AND identity.channel = staged.channel
      AND identity.lookup_key = staged.lookup_key
    UNION ALL
    SELECT id, contact_id, address FROM consents_channelidentity identity
    WHERE sender_id = %(sender)s AND identity.channel = staged.channel
      AND identity.digest = staged.digest AND identity.lookup_key IS NULL
    LIMIT 1
) AS known
"""
"""The identity that a `staged` statement means, where there is one; looked up in the indexes."""

# In one order for everybody, since inserts of the same address wait for each other. A contact is
# made for what was made alone: somebody else may be faster.
_INSERT: Final = f"""
made AS (
    INSERT INTO consents_channelidentity
        (id, sender_id, contact_id, channel, address, lookup_key, digest, warnings, created_at)
    SELECT identity_id, %(sender)s, contact_id, channel, address, lookup_key, digest, warnings,
           now()
    FROM {sql.STAGED} WHERE is_first ORDER BY channel, lookup_key
    ON CONFLICT DO NOTHING
    RETURNING id
), contacts AS (
    INSERT INTO consents_contact
        (id, sender_id, external_id, display_name, language, created_at)
    SELECT DISTINCT ON (contact_id)
           contact_id, %(sender)s, external_id, display_name, language, now()
    FROM {sql.STAGED} staged JOIN made ON made.id = staged.identity_id WHERE is_first
)
SELECT count(*) FROM made
"""
_MAKE: Final = f"WITH {_INSERT}"
_PERSON: Final = {
    name: staging.COLUMNS[name]
    for name in (
        *("identity_id", "is_first", "channel", "address", "lookup_key", "digest", "warnings"),
        *("contact_id", "external_id", "display_name", "language"),
    )
}
_MAKE_ONE: Final = f"WITH {sql.only_row(sql.STAGED, _PERSON)}, {_INSERT}"

_NAME: Final = f"""
WITH found AS (
    SELECT staged.n, staged.address AS said, known.* FROM {sql.STAGED} staged
    CROSS JOIN {KNOWN}
    WHERE known.id <> staged.identity_id
), named AS (
    UPDATE {sql.STAGED} staged
    SET identity_id = found.id, is_made = false, contact_id = found.contact_id,
        address = COALESCE(found.address, staged.address)
    FROM found WHERE found.n = staged.n
    RETURNING staged.n, staged.channel, staged.address_salt, found.said,
              found.address AS kept
)
SELECT n, channel, address_salt, kept FROM named
WHERE kept <> said ORDER BY n
"""
_SOUGHT: Final = {name: staging.COLUMNS[name] for name in ("channel", "lookup_key", "digest")}
_LOCK_ONE: Final = f"""
WITH {sql.only_row(sql.STAGED, _SOUGHT)}
SELECT known.id, known.contact_id, known.address
FROM {sql.STAGED} staged CROSS JOIN {KNOWN}
JOIN consents_standing standing ON standing.identity_id = known.id
FOR NO KEY UPDATE OF standing
"""

_CONTACTS: Final = f"SELECT staged.n, known.contact_id FROM {sql.STAGED} staged CROSS JOIN {KNOWN}"

_LOCK_STAGED: Final = f"""
SELECT count(*) FROM (
    SELECT FROM consents_standing
    WHERE identity_id = ANY(ARRAY(SELECT DISTINCT identity_id FROM {sql.STAGED} WHERE NOT is_made))
    ORDER BY identity_id FOR NO KEY UPDATE
) AS locked
"""


def settle(sender: Sender, people: int) -> list[Respelled]:
    """Make the identities of what is staged that nobody knows, name the others, and lock those.

    `people`: how many different ones there are. Must run in a transaction, before any standing is
    locked. The standings of those that were made are still to be made, in the same transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(_MAKE, {"sender": sender.id})
        if cursor.fetchone() == (people,):
            return []
        cursor.execute(_NAME, {"sender": sender.id})
        respelled = [Respelled(*row) for row in cursor]
        cursor.execute(_LOCK_STAGED)
    return respelled


def contacts(sender: Sender) -> dict[int, UUID]:
    """Whose the identities of the staged statements are, by statement; of those that are known."""
    with connection.cursor() as cursor:
        cursor.execute(_CONTACTS, {"sender": sender.id})
        return dict(cursor)


def settle_one(sender: Sender, row: Row) -> Row:
    """The same for one statement that is not staged; the row with the identity that there is."""
    known = _lock_one(sender, row)
    if known is None and _make_one(sender, row):
        return row
    known = known or _lock_one(sender, row)
    assert known is not None  # noqa: S101 - what could not be made is there
    return row._replace(
        identity_id=str(known.id),
        is_made=False,
        contact_id=str(known.contact),
        address=known.address or row.address,
    )


def _lock_one(sender: Sender, row: Row) -> Known | None:
    with prepared() as cursor:
        cursor.execute(_LOCK_ONE, _values(sender, row))
        found = cursor.fetchone()
    return Known(*found) if found else None


def _make_one(sender: Sender, row: Row) -> bool:
    with prepared() as cursor:
        cursor.execute(_MAKE_ONE, _values(sender, row))
        return bool(cursor.fetchone() == (1,))


def _values(sender: Sender, row: Row) -> dict[str, Any]:
    return {**row._asdict(), "sender": sender.id}

"""Callbacks put in their table, those that come at the same moment by one statement."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from uuid import UUID

from consents.models.prepared import prepared
from providers.gathering import Gathering

TOGETHER_MAX: Final = 16

_HANDED: Final = (
    "(%s::uuid, %s::text, %s::jsonb, %s::bytea, %s::bytea, %s::text, %s::text, %s::text, %s::uuid)"
)

# What comes a thousand times a second: whether the account still is as it was when its secret was
# read (`xmin` tells one version of a row from the next), and the row itself. A repeat is the same
# row. Only one that nobody understood is given a second chance by it.
_STORE: Final = """
WITH handed (account, version, headers, body, digest, nonce, status, outcome, id) AS (
    VALUES {rows}
), good AS (
    SELECT handed.* FROM handed
    JOIN providers_provideraccount account
        ON account.id = handed.account AND is_enabled AND account.xmin::text = version
), stored AS (
    INSERT INTO providers_providercallback AS stored
        (id, account_id, seq, received_at, headers, body, digest, nonce, status, attempts, due_at,
         outcome, identities)
    SELECT id, account, nextval('providers_providercallback_seq'), clock_timestamp(), headers, body,
           digest, nonce, status, 0, clock_timestamp(), outcome, '{{}}'
    FROM good
    ON CONFLICT (account_id, digest) DO UPDATE
        SET status = excluded.status, due_at = excluded.due_at, outcome = excluded.outcome
        WHERE stored.status = 'unreadable' AND excluded.status <> 'unreadable'
)
SELECT id FROM good
"""


class Row(NamedTuple):
    """A callback as it is stored. `version`: the account's `xmin` when its secret was read."""

    account: UUID
    version: str
    headers: str
    body: bytes
    digest: bytes
    nonce: str
    status: str
    outcome: str
    id: UUID


def store_all(rows: Sequence[Row]) -> list[bool]:
    """For each whether its account is still of that version; if not, it is not stored.

    Raises IntegrityError or another of Django's database errors; then none is stored.
    """
    with prepared() as cursor:
        cursor.execute(_statement(len(rows)), [value for row in rows for value in row])
        good = {id for (id,) in cursor.fetchall()}
    return [row.id in good for row in rows]


store: Final[Gathering[Row, bool]] = Gathering(store_all, TOGETHER_MAX)
"""One row, as `store_all`, in the company of those that other threads store at this moment."""


@lru_cache(TOGETHER_MAX)
def _statement(count: int) -> str:
    return _STORE.format(rows=", ".join([_HANDED] * count))

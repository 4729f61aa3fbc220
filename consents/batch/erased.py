"""What was written of people who were erased: by it they are known again, or none of it is kept.

Of such people there are few, so it is done behind the statements that write, in their transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from consents import addressbook
from consents.batch.prepared import Prepared
from consents.models import EventDetail, Standing
from consents.models.ledger import NOTHING_PERSONAL
from consents.vocabulary import Lifts

# The rule is the one of `addressbook.comes_back`. They are kept in the spelling in which they came
# back, but where the address is there still.
_TREAT: Final = """
WITH said AS (
    SELECT staged.n, staged.event_id, staged.identity_id, staged.address, staged.lookup_key,
           line.recorded_at,
           bool_or(staged.lifts = 'any' AND line.occurred_at > standing.erased_at)
               OVER (PARTITION BY staged.identity_id ORDER BY staged.n) AS is_back
    FROM staged_statement staged
    JOIN consents_consentevent line ON line.id = staged.event_id
    JOIN consents_standing standing ON standing.identity_id = staged.identity_id
    WHERE staged.identity_id = ANY(%s)
), forgotten AS (
    UPDATE consents_eventdetail detail
    SET ip = NULL, user_agent = '', evidence = '{}', note = '', salt = NULL, address_salt = NULL,
        erased_at = said.recorded_at
    FROM said WHERE detail.event_id = said.event_id AND NOT said.is_back
), back AS (
    SELECT DISTINCT ON (identity_id) identity_id, address, lookup_key
    FROM said WHERE is_back ORDER BY identity_id, n
), named AS (
    UPDATE consents_channelidentity identity
    SET address = back.address, lookup_key = back.lookup_key
    FROM back WHERE identity.id = back.identity_id AND identity.address IS NULL
)
UPDATE consents_standing standing SET erased_at = NULL
FROM back WHERE standing.identity_id = back.identity_id
RETURNING standing.identity_id
"""


def treat(identities: Collection[UUID]) -> set[UUID]:
    """Of what is staged of these, and written: who of them is known again."""
    if not identities:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(_TREAT, [list(identities)])
        return {id for (id,) in cursor}


def treat_one(
    identity: UUID, statement: Prepared, occurred_at: datetime, recorded_at: datetime
) -> bool:
    """The same of a statement that is not staged."""
    standing = Standing.objects.select_related("identity").get(identity=identity)
    erased_at = standing.erased_at
    if erased_at and addressbook.comes_back(Lifts(statement.lifts), occurred_at, erased_at):
        addressbook.bring_back(standing.identity, statement.address)
        Standing.objects.filter(identity=identity).update(erased_at=None)
        return True
    details = EventDetail.objects.filter(event=UUID(statement.event))
    details.update(**NOTHING_PERSONAL, erased_at=recorded_at)
    return False

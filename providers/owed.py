"""What each account is owed: the bit that it is to hold, where the newest row tells another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django.db import connection

from consents.models.base import new_id_text
from consents.models.prepared import array, prepared
from consents.signals import Line
from providers.serving import Served

_FEW: Final = 10

# The line just recorded is named where it says what is owed. Else the newest that holds and says
# it: an opt-in to one purpose is not why somebody is out of all others. A row says whether a call
# for the pair may still land, its own or that of the row that it replaces.
_PUT_IN: Final = """
owed AS MATERIALIZED (
    SELECT served.account_id, said.identity_id,
           COALESCE(CASE WHEN said.action = wanted.kind THEN said.event_id END, (
               SELECT holding.event_id FROM consents_consent holding
               WHERE holding.identity_id = said.identity_id AND holding.state = wanted.state
               ORDER BY holding.since DESC LIMIT 1
           ), said.event_id) AS event_id,
           wanted.kind,
           COALESCE(newest.status = 'failed' AND (newest.is_uncertain OR newest.is_resend), false)
               AS is_uncertain,
           newest.kind IS NULL AS is_first
    FROM said
    CROSS JOIN LATERAL (
        SELECT sender_id, channel FROM consents_channelidentity
        WHERE id = said.identity_id AND address IS NOT NULL OFFSET 0
    ) AS identity
    JOIN unnest(%(accounts)s::uuid[], %(senders)s::uuid[], %(channels)s::text[])
        AS served(account_id, sender_id, channel)
      ON served.sender_id = identity.sender_id AND served.channel = identity.channel
    CROSS JOIN LATERAL (
        SELECT may_write FROM consents_standing WHERE identity_id = said.identity_id OFFSET 0
    ) AS standing
    CROSS JOIN LATERAL (
        SELECT CASE WHEN may_write THEN 'opt_in' ELSE 'opt_out' END AS kind,
               CASE WHEN may_write THEN 'opted_in' ELSE 'opted_out' END AS state
    ) AS wanted
    LEFT JOIN LATERAL (
        SELECT kind, status, is_uncertain, is_resend FROM providers_providersync told
        WHERE told.account_id = served.account_id AND told.identity_id = said.identity_id
        ORDER BY told.seq DESC LIMIT 1
    ) AS newest ON true
    WHERE standing.may_write IS NOT NULL
      AND (%(again)s OR newest.kind IS DISTINCT FROM wanted.kind)
), replaced AS (
    UPDATE providers_providersync
    SET status = 'superseded', ended_at = clock_timestamp()
    WHERE status IN ('pending', 'awaiting_result') AND id = ANY (ARRAY(
        SELECT waiting.id FROM owed CROSS JOIN LATERAL (
            SELECT id FROM providers_providersync old
            WHERE old.account_id = owed.account_id AND old.identity_id = owed.identity_id
              AND old.status IN ('pending', 'awaiting_result') OFFSET 0
        ) AS waiting
        WHERE NOT owed.is_first))
    RETURNING account_id, identity_id, is_uncertain OR is_resend AS hands_on
), uncertain AS (
    SELECT DISTINCT account_id, identity_id FROM replaced WHERE hands_on
), put AS (
    INSERT INTO providers_providersync
        (id, account_id, identity_id, event_id, kind, is_uncertain, status, code, due_at,
         created_at, ended_at, reason, text, attempts, is_resend)
    SELECT (%(ids)s::uuid[])[row_number() OVER ()], account_id, identity_id, owed.event_id,
           owed.kind, owed.is_uncertain OR uncertain.account_id IS NOT NULL, %(status)s::text,
           %(code)s::text, clock.now, clock.now,
           CASE WHEN %(status)s::text = 'succeeded' THEN clock.now END, '', '', 0, false
    FROM owed LEFT JOIN uncertain USING (account_id, identity_id)
    CROSS JOIN (SELECT clock_timestamp() AS now) AS clock
    RETURNING id
)
"""
_OF_SOME: Final = f"""
WITH said AS (
    SELECT * FROM unnest(%(identities)s::uuid[], %(events)s::uuid[], %(actions)s::text[])
        AS one(identity_id, event_id, action)
), {_PUT_IN}
SELECT id FROM put
"""
_OF_TABLE: Final = f"""
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (identity_id) identity_id, event_id, action FROM {{table}}
    ORDER BY identity_id, n DESC
), {_PUT_IN}
SELECT count(*) FROM put
"""


def put_in(
    served: Sequence[Served],
    identities: Sequence[UUID],
    causes: Mapping[UUID, Line],
    told: Mapping[str, str],
    *,
    again: bool = False,
) -> list[UUID]:
    """Put in what is owed of these identities, in place of what waits; the ids of the rows.

    `causes`: the line that changed each, where one did. `told`: the rows' status and code.
    `again`: whatever the newest row tells.
    """
    if not served:
        return []
    lines = [causes.get(one) for one in identities]
    said: dict[str, Any] = {
        "identities": array(identities),
        "events": [line and line.event for line in lines],
        "actions": [line and line.action for line in lines],
    }
    # Few are asked for all day, by statements planned once; many by one that suits them.
    with prepared() if len(lines) <= _FEW else connection.cursor() as cursor:
        cursor.execute(_OF_SOME, {**_values(served, len(lines), told, again=again), **said})
        return [id for (id,) in cursor]


def put_in_table(served: Sequence[Served], table: str, count: int, told: Mapping[str, str]) -> int:
    """The same of so many lines that lie in a table (see `Lines`); how many rows."""
    if not served:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_OF_TABLE.format(table=table), _values(served, count, told, again=False))
        [rows] = cursor.fetchone()
    return int(rows)


def _values(
    served: Sequence[Served], count: int, told: Mapping[str, str], *, again: bool
) -> dict[str, Any]:
    accounts, senders, channels = zip(*served, strict=True)
    # So many rows at most.
    ids = array(new_id_text() for _ in range(count * len(set(accounts))))
    columns = {"accounts": array(accounts), "senders": array(senders), "channels": array(channels)}
    return {**columns, **told, "ids": ids, "again": again}

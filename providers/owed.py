"""What each account is owed: the bit that it is to hold, where the newest row tells another."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection

from consents.models import ChannelIdentity
from consents.models.base import new_id_text
from consents.models.prepared import prepared
from consents.signals import Line
from providers import registry
from providers.contract import Account
from providers.errors import UnknownKindError
from providers.models import ProviderAccount

log = logging.getLogger(__name__)

FEW: Final = 10


class Served(NamedTuple):
    """A channel on which an account serves a sender."""

    account: UUID
    sender: UUID
    channel: str


class Owed(NamedTuple):
    """A bit that is owed. `event`: the line to name.

    `is_uncertain`: the newest row failed while a call of it may still land. `is_first`: the account
    has been told nothing of the identity yet.
    """

    account: UUID
    identity: UUID
    event: UUID | None
    kind: str
    is_uncertain: bool
    is_first: bool


# The line just recorded is named where it says what is owed. Else the newest that holds and says
# it: an opt-in to one purpose is not why somebody is out of all others.
_OWED: Final = """
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
WHERE standing.may_write IS NOT NULL AND newest.kind IS DISTINCT FROM wanted.kind
"""
_SOME: Final = """
said AS (
    SELECT * FROM unnest(%(identities)s::uuid[], %(events)s::uuid[], %(actions)s::text[])
        AS one(identity_id, event_id, action)
)
"""
_OF_SOME: Final = f"WITH {_SOME} {_OWED}"

PUT_IN: Final = """
INSERT INTO providers_providersync
    (id, account_id, identity_id, event_id, kind, is_uncertain, status, code, due_at, created_at,
     ended_at, reason, text, attempts, is_resend)
SELECT one.*, %(status)s::text, %(code)s::text, clock.now, clock.now,
       CASE WHEN %(status)s::text = 'succeeded' THEN clock.now END, '', '', 0, false
FROM (SELECT clock_timestamp() AS now) AS clock,
"""
"""A table `one` is to follow: id, account, identity, event, kind and whether it is uncertain."""


def _in_table(table: str) -> str:
    return f"""
WITH said AS MATERIALIZED (
    SELECT DISTINCT ON (identity_id) identity_id, event_id, action FROM {table}
    ORDER BY identity_id, n DESC
), owed AS MATERIALIZED ({_OWED}), put AS (
    {PUT_IN} (
        SELECT (%(ids)s::uuid[])[row_number() OVER ()], account_id, identity_id, event_id, kind,
               is_uncertain
        FROM owed WHERE is_first
    ) AS one
)
SELECT * FROM owed WHERE NOT is_first
"""


def to(
    served: Sequence[Served], identities: Sequence[UUID], causes: Mapping[UUID, Line]
) -> list[Owed]:
    """What is owed of these identities. `causes`: the line that changed each, where one did."""
    if not served:
        return []
    lines = [causes.get(one) for one in identities]
    said: dict[str, Any] = {
        "identities": list(identities),
        "events": [line and line.event for line in lines],
        "actions": [line and line.action for line in lines],
    }
    # Few are asked for all day, by statements planned once; many by one that suits them.
    with prepared() if len(lines) <= FEW else connection.cursor() as cursor:
        cursor.execute(_OF_SOME, {**_columns(served), **said})
        return [Owed(*row) for row in cursor]


def put_in_first(
    served: Sequence[Served], table: str, count: int, told: Mapping[str, str]
) -> list[Owed]:
    """Put in what is owed of the lines in this table (see `Lines`), where nothing was told before.

    What else is owed of them, and left to the caller.
    """
    if not served:
        return []
    # So many at most.
    ids = [new_id_text() for _ in range(count * len({one.account for one in served}))]
    with connection.cursor() as cursor:
        values = {**_columns(served), **told, "ids": f"{{{','.join(ids)}}}"}
        cursor.execute(_in_table(table), values)
        return [Owed(*row) for row in cursor]


def _columns(served: Sequence[Served]) -> dict[str, Any]:
    accounts, senders, channels = zip(*served, strict=True)
    return {"accounts": list(accounts), "senders": list(senders), "channels": list(channels)}


def channels_of(account: ProviderAccount) -> frozenset[str]:
    """The channels whose consent this account can hold; none for a provider that is not known."""
    return _channels_of(str(account.id), account.kind, account.settings or {})


def served_by(account: ProviderAccount) -> list[Served]:
    return [Served(account.id, account.sender_id, channel) for channel in channels_of(account)]


def served_of(senders: Sequence[UUID]) -> list[Served]:
    """By the accounts of these senders that are switched on.

    The share lock lets nobody switch one on between this reading and our commit: see
    `accounts.save`.
    """
    with prepared() as cursor:
        cursor.execute(
            "SELECT FROM consents_sender WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [senders]
        )
        cursor.execute(
            "SELECT id, sender_id, kind, settings FROM providers_provideraccount "
            "WHERE sender_id = ANY(%s) AND is_enabled",
            [senders],
        )
        return [
            Served(id, sender, channel)
            for id, sender, kind, settings in cursor
            for channel in _channels_of(str(id), kind, settings)
        ]


def senders_of(identities: Iterable[UUID]) -> list[UUID]:
    people = ChannelIdentity.objects.filter(id__in=identities)
    return list(people.order_by("sender").values_list("sender", flat=True).distinct())


def _channels_of(id: str, kind: str, settings: Mapping[str, Any]) -> frozenset[str]:
    try:
        adapter = registry.adapter(kind)
    except UnknownKindError:
        log.error("Account %s is of a kind that no provider has.", id)
        return frozenset()
    return adapter.channels(Account(id=id, kind=kind, base_url="", settings=settings))

"""Takes rows out of the outbox for sending: leased, grouped into calls, never two of one pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from consents.models.base import new_id
from providers import registry
from providers.contract import Account, Change, Kind
from providers.models import ProviderAccount

LEASE = timedelta(seconds=60)
CALL_SECONDS = 15.0
"""The most a call may take, in all."""

LEASE_LEFT = timedelta(seconds=20)
"""A call starts only with this much of its lease left: longer than it can take."""

DEFAULT_SOURCE = "OPTBOOK"


@dataclass(frozen=True, slots=True)
class Call:
    """Rows of one account and kind that go together, and what the adapter needs for them."""

    id: UUID
    account: Account
    lease: UUID
    changes: Sequence[Change] = field(repr=False)

    @property
    def rows(self) -> list[UUID]:
        return [UUID(change.id) for change in self.changes]


def claim(account: ProviderAccount, room: int, *, probe: bool = False) -> list[Call]:
    """Lease up to `room` calls' worth of due rows, opt-outs first. Never waits for a lock.

    A paused account gives nothing; one whose pause is over, one row alone, and no other while
    that is under way. `probe`: as if the pause were over.
    """
    adapter = registry.adapter(account.kind)
    try:
        with transaction.atomic():
            size = _room(account, room * adapter.batch_max, probe=probe)
            lease = new_id()
            rows = _lease(account.id, size, lease, is_probe=size == 1 and account.pauses > 0)
            return _calls(account, rows, lease, adapter.batch_max)
    except IntegrityError:
        # Another worker was faster with the same pair: whatever is due still is, next time.
        return []


# A probe is a row claimed since the pause began and recently enough to be under way. What a killed
# worker held is neither, and must not keep the account shut until its lease runs out.
_ROOM = """
SELECT CASE
    WHEN NOT is_enabled OR is_held THEN 0
    WHEN pauses = 0 THEN %(size)s
    WHEN paused_until > clock_timestamp() AND NOT %(probe)s THEN 0
    WHEN EXISTS (SELECT 1 FROM providers_providersync
                 WHERE account_id = %(account)s AND status = 'sending' AND sent_at > greatest(
                     paused_since, clock_timestamp() - make_interval(secs => %(probe_seconds)s))
                ) THEN 0
    ELSE 1 END
FROM providers_provideraccount WHERE id = %(account)s
FOR NO KEY UPDATE SKIP LOCKED
"""

# A row that waited while its account was off may be older than what people have said since: only
# one that tells the present bit is taken.
_LEASE = """
WITH due AS (
    SELECT id FROM providers_providersync AS waiting
    JOIN consents_standing AS standing USING (identity_id)
    WHERE account_id = %(account)s AND kind = %(kind)s AND status = 'pending'
      AND standing.may_write = (kind = 'opt_in')
      AND due_at <= clock_timestamp() AND (suspect_since IS NOT NULL) = %(suspect)s
      AND NOT EXISTS (
          SELECT 1 FROM providers_providersync AS flying
          WHERE flying.account_id = waiting.account_id
            AND flying.identity_id = waiting.identity_id AND flying.status = 'sending')
    ORDER BY due_at LIMIT %(size)s FOR UPDATE OF waiting SKIP LOCKED)
UPDATE providers_providersync AS row
SET status = 'sending', lease = %(lease)s, sent_at = clock_timestamp(),
    lease_until = clock_timestamp() + make_interval(secs => %(length)s)
FROM due WHERE row.id = due.id
RETURNING row.id
"""


def _room(account: ProviderAccount, size: int, *, probe: bool) -> int:
    """How many rows may be taken; the lock keeps a probe alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            _ROOM,
            {
                "account": account.id,
                "size": size,
                "probe": probe,
                "probe_seconds": LEASE_LEFT.total_seconds(),
            },
        )
        row = cursor.fetchone()
    return int(row[0]) if row else 0


_FIRST_TO_LAST = (
    (Kind.OPT_OUT, False),
    (Kind.OPT_OUT, True),
    (Kind.OPT_IN, False),
    (Kind.OPT_IN, True),
)
"""Kinds and whether suspect: opt-outs before opt-ins."""

_FOR_A_PROBE = tuple(sorted(_FIRST_TO_LAST, key=lambda turn: turn[1]))
"""The same, but what may have caused the pause comes last."""


def _lease(account: UUID, size: int, lease: UUID, *, is_probe: bool) -> list[UUID]:
    taken: list[UUID] = []
    for kind, is_suspect in _FOR_A_PROBE if is_probe else _FIRST_TO_LAST:
        if len(taken) >= size:
            break
        with connection.cursor() as cursor:
            cursor.execute(
                _LEASE,
                {
                    "account": account,
                    "kind": kind.value,
                    "suspect": is_suspect,
                    "size": size - len(taken),
                    "lease": lease,
                    "length": LEASE.total_seconds(),
                },
            )
            taken += [row[0] for row in cursor]
    return taken


_CHANGES: Final = """
SELECT row.id, row.kind, row.suspect_since IS NOT NULL, row.batch_max,
       identity.channel, identity.address, line.source, host(detail.ip), detail.user_agent
FROM providers_providersync row
JOIN consents_channelidentity identity ON identity.id = row.identity_id
LEFT JOIN consents_consentevent line ON line.id = row.event_id
LEFT JOIN consents_eventdetail detail ON detail.event_id = row.event_id
WHERE row.id = ANY(%s)
ORDER BY row.due_at, row.seq
"""


def _calls(
    account: ProviderAccount, rows: Sequence[UUID], lease: UUID, batch_max: int
) -> list[Call]:
    if not rows:
        return []
    plain = account.plain
    source = plain.settings.get("default_source") or DEFAULT_SOURCE
    groups: dict[tuple[str, int], list[Change]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, [list(rows)])
        for id, kind, is_suspect, most, *rest in cursor:
            limit = 1 if is_suspect else min(most or batch_max, batch_max)
            groups.setdefault((kind, limit), []).append(_change(id, kind, source, *rest))
    return [
        Call(new_id(), plain, lease, together)
        for (kind, limit), group in sorted(groups.items(), reverse=True)
        for together in _chunks(group, limit)
    ]


def _chunks(changes: Sequence[Change], size: int) -> list[Sequence[Change]]:
    return [changes[at : at + size] for at in range(0, len(changes), size)]


def _change(
    id: UUID,
    kind: str,
    default_source: str,
    channel: str,
    address: str | None,
    source: str | None,
    ip: str | None,
    user_agent: str | None,
) -> Change:
    return Change(
        id=str(id),
        kind=Kind(kind),
        channel=channel,
        identity=address or "",
        request_id=str(id),
        source=source or default_source,
        ip=ip,
        user_agent=user_agent or "",
    )

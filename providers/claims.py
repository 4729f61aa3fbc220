"""Takes rows out of the outbox for sending: leased, grouped into calls, never two of one pair."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.db import IntegrityError, transaction

from consents.models.base import new_id
from consents.models.prepared import prepared
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
    def rows(self) -> list[str]:
        """The ids of the rows."""
        return [change.id for change in self.changes]


_DUE: Final = """
SELECT account.id FROM providers_provideraccount AS account
CROSS JOIN LATERAL (
    SELECT FROM providers_providersync AS waiting
    WHERE waiting.account_id = account.id AND waiting.kind IN ('opt_out', 'opt_in')
      AND waiting.status = 'pending' AND waiting.due_at <= statement_timestamp()
    LIMIT 1) AS due
WHERE account.is_enabled AND NOT account.is_held
"""


def accounts_with_due_rows(among: Collection[UUID] | None = None) -> list[ProviderAccount]:
    """Those that something may be claimed of; `among` these, where they are given."""
    with prepared() as cursor:
        cursor.execute(_DUE)
        due = {id for (id,) in cursor.fetchall() if among is None or id in among}
    return list(ProviderAccount.objects.filter(id__in=due)) if due else []


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
    WHEN pauses = 0 THEN %(size)s::int
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
# one that tells the present bit is taken. What is asked of each row alone stands in a subquery of
# its own and rows are found by their place, so that the plan, made once for all sizes, looks up
# what it needs and never reads or joins whole tables.
_LEASE: Final = """
WITH leased AS (
    UPDATE providers_providersync
    SET status = 'sending', lease = %(lease)s, sent_at = clock_timestamp(),
        lease_until = clock_timestamp() + make_interval(secs => %(length)s)
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM providers_providersync AS waiting
        WHERE account_id = %(account)s AND kind = %(kind)s AND status = 'pending'
          AND due_at <= statement_timestamp() AND (suspect_since IS NOT NULL) = %(suspect)s
          AND (SELECT may_write FROM consents_standing
               WHERE identity_id = waiting.identity_id) = (kind = 'opt_in')
          AND (SELECT id FROM providers_providersync AS flying
               WHERE flying.account_id = waiting.account_id
                 AND flying.identity_id = waiting.identity_id
                 AND flying.status = 'sending') IS NULL
        ORDER BY due_at LIMIT %(size)s FOR UPDATE SKIP LOCKED))
    RETURNING id, identity_id, event_id, batch_max, due_at, seq
)
SELECT leased.id::text, leased.batch_max, identity.channel, identity.address, line.source,
       host(detail.ip), detail.user_agent
FROM leased
JOIN consents_channelidentity AS identity ON identity.id = leased.identity_id
LEFT JOIN consents_consentevent AS line ON line.id = leased.event_id
LEFT JOIN consents_eventdetail AS detail ON detail.event_id = leased.event_id
ORDER BY leased.due_at, leased.seq
"""


def _room(account: ProviderAccount, size: int, *, probe: bool) -> int:
    """How many rows may be taken; the lock keeps a probe alone."""
    with prepared() as cursor:
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


class _Leased(NamedTuple):
    """A row that was taken, and what its call has to say."""

    kind: Kind
    is_suspect: bool
    id: str
    batch_max: int | None
    channel: str
    address: str | None
    source: str | None
    ip: str | None
    user_agent: str | None


_FIRST_TO_LAST = (
    (Kind.OPT_OUT, False),
    (Kind.OPT_OUT, True),
    (Kind.OPT_IN, False),
    (Kind.OPT_IN, True),
)
"""Kinds and whether suspect: opt-outs before opt-ins."""

_FOR_A_PROBE = tuple(sorted(_FIRST_TO_LAST, key=lambda turn: turn[1]))
"""The same, but what may have caused the pause comes last."""


def _lease(account: UUID, size: int, lease: UUID, *, is_probe: bool) -> list[_Leased]:
    taken: list[_Leased] = []
    for kind, is_suspect in _FOR_A_PROBE if is_probe else _FIRST_TO_LAST:
        if len(taken) >= size:
            break
        with prepared() as cursor:
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
            taken += [_Leased(kind, is_suspect, *row) for row in cursor.fetchall()]
    return taken


def _calls(
    account: ProviderAccount, rows: Sequence[_Leased], lease: UUID, batch_max: int
) -> list[Call]:
    if not rows:
        return []
    plain = account.plain
    source = plain.settings.get("default_source") or DEFAULT_SOURCE
    groups: dict[tuple[Kind, int], list[Change]] = {}
    for row in rows:
        limit = 1 if row.is_suspect else min(row.batch_max or batch_max, batch_max)
        groups.setdefault((row.kind, limit), []).append(_change(row, source))
    return [
        Call(new_id(), plain, lease, together)
        for (kind, limit), group in sorted(groups.items(), reverse=True)
        for together in _chunks(group, limit)
    ]


def _chunks(changes: Sequence[Change], size: int) -> list[Sequence[Change]]:
    return [changes[at : at + size] for at in range(0, len(changes), size)]


def _change(row: _Leased, default_source: str) -> Change:
    return Change(
        id=row.id,
        kind=row.kind,
        channel=row.channel,
        identity=row.address or "",
        request_id=row.id,
        source=row.source or default_source,
        ip=row.ip,
        user_agent=row.user_agent or "",
    )

"""What is owed to whom: puts rows in the outbox, in the transaction of the change itself.

A provider is told one bit per identity: may this business write at all. The wanted bit is
compared with the newest row of (account, identity), never with the previous consent: no row, or
one with the other bit, makes a row. So the first opt-out of somebody the provider may already
hold is always sent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce

from consents.models import Consent, Standing
from consents.models.base import new_id
from consents.signals import Line
from consents.vocabulary import State
from consents.writing import database_clock
from providers import registry
from providers.contract import Account, Kind
from providers.errors import UnknownKindError
from providers.models import ProviderAccount, ProviderSync
from providers.outcomes import Status

log = logging.getLogger(__name__)

Pair = tuple[UUID, UUID]
"""Account and identity."""

BASELINE = "baseline"


def channels_of(account: ProviderAccount) -> frozenset[str]:
    """The channels whose consent this account can hold; none for a provider that is not known."""
    try:
        adapter = registry.adapter(account.kind)
    except UnknownKindError:
        log.error("Account %s is of a kind that no provider has.", account.id)
        return frozenset()
    plain = Account(
        id=str(account.id), kind=account.kind, base_url="", settings=account.settings or {}
    )
    return adapter.channels(plain)


@transaction.atomic(savepoint=False)
def enqueue(
    identities: Iterable[UUID],
    causes: Mapping[UUID, Line] | None = None,
    *,
    only: ProviderAccount | None = None,
    is_baseline: bool = False,
    are_locked: bool = False,
) -> int:
    """Put in what their accounts are owed now, and say how many rows; what is there makes none.

    `causes`: the line that changed each identity; without one, the line that decides. `only`
    narrows it to one account. `is_baseline`: mark it as told already. Holds the standings, which
    the caller may have locked already.
    """
    ids = sorted(set(identities))
    if not are_locked:
        _locked(ids)
    accounts = [only] if only else _accounts_of(ids)
    owed = _owed(ids, accounts) if accounts else []
    _put_in(owed, causes, is_baseline=is_baseline)
    return len(owed)


@transaction.atomic
def retry(sync: ProviderSync) -> ProviderSync:
    """Tell the account the present bit again, at once; revives no old row.

    The row that will carry it: one that waits already, else a new one.
    """
    [standing] = _locked([sync.identity_id])
    if standing.may_write is None:
        return sync
    present = Kind.OPT_IN if standing.may_write else Kind.OPT_OUT
    told = ProviderSync.objects.filter(account=sync.account_id, identity=sync.identity_id)
    newest = told.order_by("-seq").first()
    if newest and newest.status == Status.PENDING and newest.kind == present:
        newest.due_at = database_clock()
        newest.attempts = 0
        newest.suspect_since = None
        newest.save(update_fields=["due_at", "attempts", "suspect_since"])
        return newest
    is_uncertain = newest is not None and _is_left_uncertain(newest)
    owed = _Owed(sync.account_id, sync.identity_id, present.value, is_uncertain, newest is None)
    [row] = _put_in([owed], None, is_baseline=False)
    return ProviderSync.objects.get(id=row)


def restate(account: ProviderAccount, identity: UUID) -> None:
    """Tell the account the present bit whatever it was told before: it holds another."""
    told = ProviderSync.objects.filter(account=account, identity=identity).order_by("-seq").first()
    if told is None:
        enqueue([identity], only=account)
    else:
        retry(told)


def mend_stale(limit: int = 1000) -> int:
    """Replace waiting rows that tell another bit than the present one; how many.

    There are none but where an account was switched off and on again.
    """
    present = Case(When(identity__standing__may_write=True, then=Value(Kind.OPT_IN.value)))
    waiting = ProviderSync.objects.filter(
        status=Status.PENDING.value,
        account__is_enabled=True,
        account__catch_up="",
        identity__standing__may_write__isnull=False,
    )
    stale = waiting.exclude(kind=Coalesce(present, Value(Kind.OPT_OUT.value)))
    identities = list(stale.values_list("identity_id", flat=True)[:limit])
    return enqueue(identities) if identities else 0


def oldest_due_age() -> float | None:
    """Seconds since the oldest row that is due was due; None when nothing is."""
    now = database_clock()
    due = ProviderSync.objects.filter(status=Status.PENDING.value, due_at__lte=now)
    oldest = due.filter(account__is_enabled=True, account__is_held=False).order_by("due_at").first()
    return (now - oldest.due_at).total_seconds() if oldest else None


def _locked(identities: Iterable[UUID]) -> Sequence[Standing]:
    return list(Standing.objects.locked(identities))


def _accounts_of(identities: Sequence[UUID]) -> list[ProviderAccount]:
    """The accounts of their senders that are switched on.

    The share lock lets nobody switch one on between this reading and our commit: see
    `accounts.save`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM consents_sender WHERE id IN "
            "(SELECT sender_id FROM consents_channelidentity WHERE id = ANY(%s)) "
            "ORDER BY id FOR KEY SHARE",
            [list(identities)],
        )
        senders = [id for (id,) in cursor]
    accounts = ProviderAccount.objects.filter(sender__in=senders, is_enabled=True)
    return list(accounts.only("id", "sender", "kind", "settings"))


class _Owed(NamedTuple):
    """`is_uncertain`: the newest row failed while a call of it may still land."""

    account: UUID
    identity: UUID
    kind: str
    is_uncertain: bool
    is_first: bool


_OWED: Final = """
WITH served AS (
    SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::text[]) AS one(account_id, sender_id, channel)
)
SELECT served.account_id, standing.identity_id, wanted.kind,
       COALESCE(newest.status = 'failed' AND (newest.is_uncertain OR newest.is_resend), false),
       newest.kind IS NULL
FROM consents_standing standing
JOIN consents_channelidentity identity ON identity.id = standing.identity_id
JOIN served ON served.sender_id = identity.sender_id AND served.channel = identity.channel
CROSS JOIN LATERAL (
    SELECT CASE WHEN standing.may_write THEN 'opt_in' ELSE 'opt_out' END AS kind
) AS wanted
LEFT JOIN LATERAL (
    SELECT kind, status, is_uncertain, is_resend FROM providers_providersync told
    WHERE told.account_id = served.account_id AND told.identity_id = standing.identity_id
    ORDER BY told.seq DESC LIMIT 1
) AS newest ON true
WHERE standing.identity_id = ANY(%s) AND standing.may_write IS NOT NULL
  AND newest.kind IS DISTINCT FROM wanted.kind
"""
"""The bit that each account is to hold of each identity, where the newest row tells another."""

_INSERT: Final = """
INSERT INTO providers_providersync
    (id, account_id, identity_id, event_id, kind, is_uncertain, status, code, due_at, created_at,
     ended_at, reason, text, attempts, is_resend)
SELECT one.*, %(status)s, %(code)s, %(now)s, %(now)s, %(ended_at)s, '', '', 0, false
FROM unnest(%(ids)s::uuid[], %(accounts)s::uuid[], %(identities)s::uuid[], %(events)s::uuid[],
            %(kinds)s::text[], %(uncertain)s::boolean[]) AS one
"""


def _owed(identities: Sequence[UUID], accounts: Sequence[ProviderAccount]) -> list[_Owed]:
    served = [(one.id, one.sender_id, channel) for one in accounts for channel in channels_of(one)]
    columns = [list(column) for column in zip(*served, strict=True)] or [[], [], []]
    with connection.cursor() as cursor:
        cursor.execute(_OWED, [*columns, list(identities)])
        return [_Owed(*row) for row in cursor]


def _is_left_uncertain(row: ProviderSync) -> bool:
    return row.status == Status.FAILED and (row.is_uncertain or row.is_resend)


def _put_in(
    owed: Sequence[_Owed], causes: Mapping[UUID, Line] | None, *, is_baseline: bool
) -> list[UUID]:
    if not owed:
        return []
    now = database_clock()
    uncertain = _supersede([one for one in owed if not one.is_first], now)
    lines = _causes({one.identity: Kind(one.kind) for one in owed}, causes or {})
    rows = [
        (
            new_id(),
            one.account,
            one.identity,
            lines.get(one.identity),
            one.kind,
            one.is_uncertain or (one.account, one.identity) in uncertain,
        )
        for one in owed
    ]
    names = ("ids", "accounts", "identities", "events", "kinds", "uncertain")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    state = Status.SUCCEEDED if is_baseline else Status.PENDING
    told = {"status": state.value, "code": BASELINE if is_baseline else "", "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, {**columns, **told, "ended_at": now if is_baseline else None})
    return [id for id, *_ in rows]


def _supersede(owed: Sequence[_Owed], now: datetime) -> set[Pair]:
    """End what waits, for a call or for a result; the pairs whose uncertainty is handed on."""
    if not owed:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE providers_providersync AS old SET status = %s, ended_at = %s "
            "FROM unnest(%s::uuid[], %s::uuid[]) AS pair(account_id, identity_id) "
            "WHERE old.account_id = pair.account_id AND old.identity_id = pair.identity_id "
            "AND old.status = ANY(%s) "
            "RETURNING old.account_id, old.identity_id, old.is_uncertain OR old.is_resend",
            [
                Status.SUPERSEDED.value,
                now,
                [one.account for one in owed],
                [one.identity for one in owed],
                [Status.PENDING.value, Status.AWAITING_RESULT.value],
            ],
        )
        return {(account, identity) for account, identity, hands_on in cursor if hands_on}


def _causes(bits: Mapping[UUID, Kind], recorded: Mapping[UUID, Line]) -> dict[UUID, UUID]:
    """The line to name for each identity: the one just recorded, where it says what is owed.

    Else the line that decides: an opt-in to one purpose is not why somebody is out of all others.
    """
    last = {one: line.event for one, line in recorded.items()}
    said = {one: last[one] for one, line in recorded.items() if line.action == bits.get(one)}
    unsaid = {one: kind for one, kind in bits.items() if one not in said}
    return {**last, **_deciding_lines(unsaid), **said}


def _deciding_lines(bits: Mapping[UUID, Kind]) -> dict[UUID, UUID]:
    """The newest line that holds and says the bit."""
    if not bits:
        return {}
    holding = Q()
    for state, kind in ((State.OPTED_IN, Kind.OPT_IN), (State.OPTED_OUT, Kind.OPT_OUT)):
        identities = [one for one, bit in bits.items() if bit == kind]
        holding |= Q(state=state.value, identity__in=identities)
    newest = Consent.objects.filter(holding).order_by("identity_id", F("since").desc())
    return dict(newest.distinct("identity_id").values_list("identity_id", "event_id"))

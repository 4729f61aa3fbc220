"""What is owed to whom: puts rows in the outbox, in the transaction of the change itself.

A provider is told one bit per identity: may this business write at all. The wanted bit is
compared with the newest row of (account, identity), never with the previous consent: no row, or
one with the other bit, makes a row. So the first opt-out of somebody the provider may already
hold is always sent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce

from consents.models import ChannelIdentity, Consent, Standing
from consents.models.base import new_id
from consents.models.prepared import prepared
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
FEW: Final = 10


def channels_of(account: ProviderAccount) -> frozenset[str]:
    """The channels whose consent this account can hold; none for a provider that is not known."""
    return _channels_of(str(account.id), account.kind, account.settings or {})


def _channels_of(id: str, kind: str, settings: Mapping[str, Any]) -> frozenset[str]:
    try:
        adapter = registry.adapter(kind)
    except UnknownKindError:
        log.error("Account %s is of a kind that no provider has.", id)
        return frozenset()
    return adapter.channels(Account(id=id, kind=kind, base_url="", settings=settings))


@transaction.atomic(savepoint=False)
def enqueue(
    identities: Iterable[UUID],
    causes: Mapping[UUID, Line] | None = None,
    *,
    only: ProviderAccount | None = None,
    is_baseline: bool = False,
    of: UUID | None = None,
) -> int:
    """Put in what their accounts are owed now, and say how many rows; what is there makes none.

    `causes`: the line that changed each identity; without one, the line that decides. `only`
    narrows it to one account. `is_baseline`: mark it as told already. Holds the standings; `of`:
    the sender of all of them, from a caller that has locked them already.
    """
    ids = sorted(set(identities))
    if of is None:
        _locked(ids)
    served = _served_by(only) if only else _served_of([of] if of else _senders_of(ids))
    owed = _owed(ids, served) if served else []
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


class _Served(NamedTuple):
    """A channel on which an account serves a sender."""

    account: UUID
    sender: UUID
    channel: str


def _served_by(account: ProviderAccount) -> list[_Served]:
    return [_Served(account.id, account.sender_id, channel) for channel in channels_of(account)]


def _senders_of(identities: Sequence[UUID]) -> list[UUID]:
    people = ChannelIdentity.objects.filter(id__in=identities)
    return list(people.order_by("sender").values_list("sender", flat=True).distinct())


def _served_of(senders: Sequence[UUID]) -> list[_Served]:
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
            _Served(id, sender, channel)
            for id, sender, kind, settings in cursor
            for channel in _channels_of(str(id), kind, settings)
        ]


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
SELECT one.*, %(status)s::text, %(code)s::text, clock.now, clock.now,
       CASE WHEN %(status)s::text = 'succeeded' THEN clock.now END, '', '', 0, false
FROM (SELECT clock_timestamp() AS now) AS clock,
     unnest(%(ids)s::uuid[], %(accounts)s::uuid[], %(identities)s::uuid[], %(events)s::uuid[],
            %(kinds)s::text[], %(uncertain)s::boolean[]) AS one
"""


def _owed(identities: Sequence[UUID], served: Sequence[_Served]) -> list[_Owed]:
    columns = [list(column) for column in zip(*served, strict=True)]
    with _cursor(identities) as cursor:
        cursor.execute(_OWED, [*columns, list(identities)])
        return [_Owed(*row) for row in cursor]


def _is_left_uncertain(row: ProviderSync) -> bool:
    return row.status == Status.FAILED and (row.is_uncertain or row.is_resend)


def _put_in(
    owed: Sequence[_Owed], causes: Mapping[UUID, Line] | None, *, is_baseline: bool
) -> list[UUID]:
    if not owed:
        return []
    uncertain = _supersede([one for one in owed if not one.is_first])
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
    told = {"status": state.value, "code": BASELINE if is_baseline else ""}
    with _cursor(rows) as cursor:
        cursor.execute(_INSERT, {**columns, **told})
    return [id for id, *_ in rows]


def _supersede(owed: Sequence[_Owed]) -> set[Pair]:
    """End what waits, for a call or for a result; the pairs whose uncertainty is handed on."""
    if not owed:
        return set()
    with _cursor(owed) as cursor:
        cursor.execute(
            "UPDATE providers_providersync AS old SET status = %s, ended_at = clock_timestamp() "
            "FROM unnest(%s::uuid[], %s::uuid[]) AS pair(account_id, identity_id) "
            "WHERE old.account_id = pair.account_id AND old.identity_id = pair.identity_id "
            "AND old.status = ANY(%s) "
            "RETURNING old.account_id, old.identity_id, old.is_uncertain OR old.is_resend",
            [
                Status.SUPERSEDED.value,
                [one.account for one in owed],
                [one.identity for one in owed],
                [Status.PENDING.value, Status.AWAITING_RESULT.value],
            ],
        )
        return {(account, identity) for account, identity, hands_on in cursor if hands_on}


def _cursor(rows: Sequence[object]) -> AbstractContextManager[Any]:
    """Few are asked for all day, by statements planned once; many by one that suits them."""
    return prepared() if len(rows) <= FEW else connection.cursor()


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

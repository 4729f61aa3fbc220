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
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce

from consents.models import ChannelIdentity, Consent, Standing
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


@transaction.atomic
def enqueue(
    identities: Iterable[UUID],
    causes: Mapping[UUID, Line] | None = None,
    *,
    only: ProviderAccount | None = None,
    is_baseline: bool = False,
) -> list[ProviderSync]:
    """Put in what their accounts are owed now; what is there already makes no second row.

    `causes`: the line that changed each identity; without one, the line that decides. `only`
    narrows it to one account. `is_baseline`: mark it as told already. Holds the standings.
    """
    standings = _locked(identities)
    known = {one.identity_id: one for one in standings if one.may_write is not None}
    if not known:
        return []
    people = list(ChannelIdentity.objects.filter(id__in=known))
    accounts = [only] if only else _accounts_of({one.sender_id for one in people})
    pairs = [(account, one) for account in accounts for one in people if _serves(account, one)]
    newest = _newest({account.id for account in accounts} if pairs else (), known)
    owed = {
        (account.id, one.id): _bit(known[one.id])
        for account, one in pairs
        if _differs(newest.get((account.id, one.id)), _bit(known[one.id]))
    }
    return _put_in(owed, newest, causes, is_baseline=is_baseline)


@transaction.atomic
def retry(sync: ProviderSync) -> ProviderSync:
    """Tell the account the present bit again, at once; revives no old row.

    The row that will carry it: one that waits already, else a new one.
    """
    [standing] = _locked([sync.identity_id])
    if standing.may_write is None:
        return sync
    pair = (sync.account_id, sync.identity_id)
    newest = _newest([sync.account_id], [sync.identity_id])
    waiting = newest.get(pair)
    if waiting and waiting.status == Status.PENDING and waiting.kind == _bit(standing):
        waiting.due_at = database_clock()
        waiting.attempts = 0
        waiting.suspect_since = None
        waiting.save(update_fields=["due_at", "attempts", "suspect_since"])
        return waiting
    [row] = _put_in({pair: _bit(standing)}, newest, None, is_baseline=False)
    return row


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
    return len(enqueue(identities)) if identities else 0


def oldest_due_age() -> float | None:
    """Seconds since the oldest row that is due was due; None when nothing is."""
    now = database_clock()
    due = ProviderSync.objects.filter(status=Status.PENDING.value, due_at__lte=now)
    oldest = due.filter(account__is_enabled=True, account__is_held=False).order_by("due_at").first()
    return (now - oldest.due_at).total_seconds() if oldest else None


def _locked(identities: Iterable[UUID]) -> Sequence[Standing]:
    return list(Standing.objects.locked(identities))


def _accounts_of(senders: Iterable[UUID]) -> list[ProviderAccount]:
    """The accounts that are switched on.

    The share lock lets nobody switch one on between this reading and our commit: see
    `accounts.save`.
    """
    ids = sorted(senders)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM consents_sender WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE", [ids]
        )
    accounts = ProviderAccount.objects.filter(sender__in=ids, is_enabled=True)
    return list(accounts.defer("credentials"))


def _serves(account: ProviderAccount, identity: ChannelIdentity) -> bool:
    return account.sender_id == identity.sender_id and identity.channel in channels_of(account)


def _bit(standing: Standing) -> Kind:
    return Kind.OPT_IN if standing.may_write else Kind.OPT_OUT


def _differs(newest: ProviderSync | None, wanted: Kind) -> bool:
    return newest is None or newest.kind != wanted


def _newest(accounts: Iterable[UUID], identities: Iterable[UUID]) -> dict[Pair, ProviderSync]:
    rows = ProviderSync.objects.filter(account__in=list(accounts), identity__in=list(identities))
    newest = rows.order_by("account_id", "identity_id", "-seq").distinct(
        "account_id", "identity_id"
    )
    return {(row.account_id, row.identity_id): row for row in newest}


def _put_in(
    owed: Mapping[Pair, Kind],
    newest: Mapping[Pair, ProviderSync],
    causes: Mapping[UUID, Line] | None,
    *,
    is_baseline: bool,
) -> list[ProviderSync]:
    if not owed:
        return []
    now = database_clock()
    uncertain = _supersede(owed, now) | _left_uncertain(newest)
    lines = _causes(owed, causes or {})
    rows = [
        ProviderSync(
            account_id=account,
            identity_id=identity,
            event_id=lines.get(identity),
            kind=kind.value,
            due_at=now,
            created_at=now,
            is_uncertain=(account, identity) in uncertain,
        )
        for (account, identity), kind in owed.items()
    ]
    if is_baseline:
        for row in rows:
            row.status, row.ended_at, row.code = Status.SUCCEEDED.value, now, BASELINE
    return ProviderSync.objects.bulk_create(rows)


def _supersede(pairs: Iterable[Pair], now: datetime) -> set[Pair]:
    """End what waits, for a call or for a result; the pairs whose uncertainty is handed on."""
    accounts, identities = zip(*pairs, strict=True)
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
                list(accounts),
                list(identities),
                [Status.PENDING.value, Status.AWAITING_RESULT.value],
            ],
        )
        return {(account, identity) for account, identity, hands_on in cursor if hands_on}


def _left_uncertain(newest: Mapping[Pair, ProviderSync]) -> set[Pair]:
    """The pairs whose newest row failed while an earlier call of it may still land."""
    return {
        pair
        for pair, row in newest.items()
        if row.status == Status.FAILED and (row.is_uncertain or row.is_resend)
    }


def _causes(owed: Mapping[Pair, Kind], recorded: Mapping[UUID, Line]) -> dict[UUID, UUID]:
    """The line to name for each identity: the one just recorded, where it says what is owed.

    Else the line that decides: an opt-in to one purpose is not why somebody is out of all others.
    """
    bits = {identity: kind for (_, identity), kind in owed.items()}
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

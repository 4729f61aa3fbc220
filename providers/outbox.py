"""What is owed to whom: puts rows in the outbox, in the transaction of the change itself.

A provider is told one bit per identity: may this business write at all. The wanted bit is
compared with the newest row of (account, identity), never with the previous consent: no row, or
one with the other bit, makes a row. So the first opt-out of somebody the provider may already
hold is always sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Value, When
from django.db.models.functions import Coalesce

from consents.models import ChannelIdentity, Standing
from consents.signals import Line
from consents.writing import database_clock
from providers import owed, serving
from providers.contract import Kind
from providers.models import ProviderAccount, ProviderSync
from providers.outcomes import Status

BASELINE = "baseline"
_PENDING: Final = {"status": Status.PENDING.value, "code": ""}
_BASELINE: Final = {"status": Status.SUCCEEDED.value, "code": BASELINE}


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
    served = serving.by(only) if only else serving.of([of] if of else serving.senders_of(ids))
    return len(owed.put_in(served, ids, causes or {}, _BASELINE if is_baseline else _PENDING))


@transaction.atomic(savepoint=False)
def enqueue_table(sender: UUID, table: str, count: int) -> int:
    """The same of so many lines of one sender that lie in a table (see `Lines`).

    From a caller that has locked their standings.
    """
    return owed.put_in_table(serving.of([sender]), table, count, _PENDING)


@transaction.atomic
def retry(sync: ProviderSync) -> ProviderSync:
    """Tell the account the present bit again, at once; revives no old row.

    Of somebody erased nobody can be told anything: the row stays as it is.
    The row that will carry it: one that waits already, else a new one.
    """
    [standing] = _locked([sync.identity_id])
    if standing.may_write is None or _is_nameless(sync.identity_id):
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
    again = owed.put_in(serving.by(sync.account), [sync.identity_id], {}, _PENDING, again=True)
    return ProviderSync.objects.get(id=again[0]) if again else sync


def tell_again(identities: Iterable[UUID]) -> int:
    """Tell every account that serves these people what holds now; how many changes then go out."""
    people = ChannelIdentity.objects.filter(id__in=list(identities)).order_by("id")
    for person in people:
        for account in ProviderAccount.objects.filter(sender=person.sender_id, is_enabled=True):
            restate(account, person.id)
    still = [Status.PENDING.value, Status.SENDING.value]
    return ProviderSync.objects.filter(identity__in=people, status__in=still).count()


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


def _is_nameless(identity: UUID) -> bool:
    return ChannelIdentity.objects.filter(id=identity, address=None).exists()


def _locked(identities: Iterable[UUID]) -> Sequence[Standing]:
    return list(Standing.objects.locked(identities))

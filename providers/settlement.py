"""What a call comes to: writes the attempt down and decides what becomes of each row.

Only whoever still holds the lease may decide; a call that comes back too late leaves its attempt
and nothing else. A row that did not arrive steps aside for a newer one of its pair.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from consents.ledger import once_more_on_deadlock
from consents.writing import database_clock
from providers import accounts, arrivals, attempts, circuit
from providers.arrivals import ARRIVED, Returned
from providers.claims import Call
from providers.contract import Fault, Result
from providers.decisions import Rows
from providers.models import ProviderAccount, ProviderSync
from providers.outcomes import FailedReason, Status
from providers.unhurried import commit_without_waiting

FAILS_AS = {
    Result.REJECTED: FailedReason.REJECTED,
    Result.UNSUPPORTED: FailedReason.UNSUPPORTED,
    Result.WITHDRAWN: FailedReason.WITHDRAWN,
}


def settle(returned: Sequence[Returned]) -> None:
    """Write down what these calls came to, all in one transaction."""
    once_more_on_deadlock(lambda: _settle(returned))


def reap() -> int:
    """Free the rows whose lease has run out: nobody knows what became of their calls."""
    with transaction.atomic():
        late = Q(status=Status.SENDING.value, lease_until__lt=database_clock())
        rows = Rows(ProviderSync.objects.filter(late).values_list("id", flat=True)[:1000])
        for row in rows.held_until(rows.now):
            row.is_uncertain = True
            rows.put_back(row)
        return rows.write()


def release(calls: Iterable[Call]) -> None:
    """Give back what was claimed and not begun: it is due as before, nothing is spent."""
    leases = {UUID(row): call.lease for call in calls for row in call.rows}
    if not leases:
        return
    with transaction.atomic():
        rows = Rows(leases)
        for id, lease in leases.items():
            for row in rows.leased([id], lease):
                rows.put_back(row)
        rows.write()


def time_out_results(older_than: timedelta = timedelta(hours=1)) -> int:
    """Send again what a provider took and never told the result of."""
    with transaction.atomic():
        overdue = Q(status=Status.AWAITING_RESULT.value, sent_at__lt=database_clock() - older_than)
        ids = ProviderSync.objects.filter(overdue).values_list("id", flat=True)[:1000]
        rows = Rows(ids, Status.AWAITING_RESULT)
        for row in rows.all():
            rows.spend(row, FailedReason.NO_RESULT, after=timedelta())
        return rows.write()


def _settle(returned: Sequence[Returned]) -> None:
    # A row whose settlement a crash takes back is still leased, and is sent again.
    commit_without_waiting()
    settled = arrivals.settle(returned)
    left = [one for one in returned if not settled.issuperset(one.call.rows)]
    attempts.write(returned)
    if not left:
        return
    rows = Rows(UUID(row) for one in left for row in one.call.rows if row not in settled)
    # In the order of the accounts, which are written to: two workers must not wait crosswise.
    for one in sorted(left, key=lambda one: one.call.account.id):
        _settle_call(one, rows)
    rows.write()


def _settle_call(one: Returned, rows: Rows) -> None:
    mine = rows.leased(map(UUID, one.call.rows), one.call.lease)
    for row in mine:
        row.is_uncertain |= one.delivery.is_repeated
    fault = one.delivery.account_fault
    if fault is None:
        _tell_circuit(one, mine, rows.now)
        for row in mine:
            _settle_row(row, one, rows)
        return
    account = UUID(one.call.account.id)
    if fault.fault != Fault.RATE_LIMITED and _is_its_own_fault(account, mine):
        for row in mine:
            rows.note(row, one.delivery.outcomes[str(row.id)])
            rows.spend(row, FailedReason.GAVE_UP)
        return
    circuit.pause(account, fault, rows.now)
    for row in mine:
        row.suspect_since = row.suspect_since or rows.now
        rows.note(row, one.delivery.outcomes[str(row.id)])
        rows.put_back(row)


def _settle_row(row: ProviderSync, one: Returned, rows: Rows) -> None:
    outcome = one.delivery.outcomes[str(row.id)]
    size = len(one.call.changes)
    if outcome.result in ARRIVED:
        rows.arrived(row, ARRIVED[outcome.result], outcome)
    elif outcome.result == Result.WITHDRAWN and accounts.withdraw(one.call.account, rows.now):
        rows.note(row, outcome)
        rows.put_back(row)
    elif outcome.result in FAILS_AS:
        row.attempts += 1
        rows.fail(row, FAILS_AS[outcome.result], outcome)
    elif size > 1:
        rows.note(row, outcome)
        row.batch_max = max(1, size // 2)
        rows.put_back(row)
    else:
        rows.note(row, outcome)
        rows.spend(row, FailedReason.GAVE_UP)


def _tell_circuit(one: Returned, mine: Sequence[ProviderSync], now: datetime) -> None:
    """What an answer without a fault says about the account; what was never sent says nothing."""
    begun = max((row.sent_at for row in mine if row.sent_at), default=None)
    if not one.delivery.traces or begun is None:
        return
    account = UUID(one.call.account.id)
    results = {outcome.result for outcome in one.delivery.outcomes.values()}
    if results & ARRIVED.keys():
        circuit.accepted({account: begun})
    elif len(one.call.changes) == 1 and results <= FAILS_AS.keys():
        circuit.refused(account, next(iter(one.delivery.outcomes.values())), begun, now)
    else:
        circuit.answered(account, begun)


def _is_its_own_fault(account: UUID, rows: Sequence[ProviderSync]) -> bool:
    """Whether others have passed since this lone row first met a fault."""
    if len(rows) != 1 or rows[0].suspect_since is None:
        return False
    return ProviderAccount.objects.filter(
        id=account, last_success_at__gt=rows[0].suspect_since
    ).exists()

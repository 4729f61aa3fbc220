"""Results of registrations that come by callback: the row each is about, and what becomes of it.

A result that names a row of ours settles that row and never becomes a line of the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from uuid import UUID

from django.db.models import Q

from consents.writing import database_clock
from providers import outbox
from providers.contract import Outcome, Result, ResultHeard
from providers.decisions import Rows
from providers.models import ProviderSync
from providers.outcomes import Status
from providers.settlement import FAILS_AS

NAMED_WITHIN = timedelta(days=7)
"""How long after a row was sent its result may name it."""

EXPECTED_WITHIN = timedelta(hours=1)
"""How long a result without an id may be that of a row which is no longer waited for."""


def named(account: UUID, request_ids: Iterable[str]) -> dict[UUID, ProviderSync]:
    """The account's rows that these request ids name, in whatever status."""
    ids = {id for text in request_ids if (id := as_row_id(text))}
    since = database_clock() - NAMED_WITHIN
    rows = ProviderSync.objects.filter(id__in=ids, account=account, sent_at__gte=since)
    return {row.id: row for row in rows}


def expected(account: UUID, identity: UUID, kind: str) -> ProviderSync | None:
    """The newest row that a result without a known request id can be about.

    One that is waited for; or one sent in the last hour of which no result was heard: it may have
    been replaced meanwhile, or have counted as done at once.
    """
    rows = ProviderSync.objects.filter(_may_be_heard_of(), account=account, identity=identity)
    return rows.filter(kind=kind).order_by("-seq").first()


def expected_of(account: UUID, identities: Iterable[UUID]) -> set[tuple[UUID, str]]:
    """The identities and kinds for which there is such a row."""
    rows = ProviderSync.objects.filter(
        _may_be_heard_of(), account=account, identity__in=list(identities)
    )
    return set(rows.values_list("identity_id", "kind"))


def _may_be_heard_of() -> Q:
    now = database_clock()
    awaited = Q(status=Status.AWAITING_RESULT.value, sent_at__gte=now - NAMED_WITHIN)
    return awaited | Q(heard_at=None, sent_at__gte=now - EXPECTED_WITHIN)


def as_row_id(request_id: str) -> UUID | None:
    """The id of a row, where the request id has its form."""
    try:
        return UUID(request_id)
    except ValueError:
        return None


def settle(results: Mapping[UUID, ResultHeard]) -> None:
    """Decide what becomes of these rows, one of a pair at most. In a transaction.

    Where an older change has succeeded after a newer one was sent, the provider may hold the
    older: the present bit is sent once more.
    """
    rows = Rows(results, None)
    for row in rows.all():
        row.heard_at = rows.now
        _settle(rows, row, results[row.id])
    rows.write()
    landed = [row for row in rows.all() if results[row.id].result == Result.SUCCEEDED]
    for row, newest in _overtaken(landed):
        _overwrite(row, newest)


def _settle(rows: Rows, row: ProviderSync, heard: ResultHeard) -> None:
    outcome = Outcome(heard.result, text=heard.text)
    if row.status == Status.SUPERSEDED:
        rows.keep(row, outcome)
    elif heard.result == Result.SUCCEEDED:
        rows.heard(row, outcome)
    else:
        rows.fail(row, FAILS_AS[heard.result], outcome)


def _overtaken(rows: list[ProviderSync]) -> list[tuple[ProviderSync, ProviderSync]]:
    """Those of the rows that are not the newest of their pair, each with the newest."""
    pairs = {(row.account_id, row.identity_id) for row in rows}
    found = ProviderSync.objects.filter(
        account__in={account for account, _ in pairs}, identity__in={one for _, one in pairs}
    )
    newest = {
        (row.account_id, row.identity_id): row
        for row in found.order_by("account_id", "identity_id", "-seq").distinct(
            "account_id", "identity_id"
        )
    }
    both = [(row, newest[row.account_id, row.identity_id]) for row in rows]
    return [(row, last) for row, last in both if last.id != row.id]


def _overwrite(row: ProviderSync, newest: ProviderSync) -> None:
    if newest.kind == row.kind or newest.status == Status.PENDING:
        return
    if newest.status == Status.SENDING:
        ProviderSync.objects.filter(id=newest.id).update(is_uncertain=True)
        return
    outbox.retry(newest)

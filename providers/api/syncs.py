"""`provider-syncs/`: what providers are owed, and what became of it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import Prefetch, QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from consents.api import lookups, operations
from consents.api.door import Door
from consents.api.fields import Query, shown_time
from consents.api.pagination import feed_of
from consents.idempotency import Answer, Result
from consents.models import Sender
from consents.vocabulary import Scope
from providers import outbox
from providers.api import schema
from providers.models import ProviderAccount, ProviderSync, SyncAttempt
from providers.outcomes import FailedReason, Status

ATTEMPTS_SHOWN: Final = 100
_FILTERS: Final = [
    operations.query("identity"),
    operations.query("channel"),
    operations.query("status", schema=operations.one_of(Status)),
    operations.query("account", "The account's id.", schema=operations.UUID_TEXT),
    operations.query("reason", "Why it failed.", schema=operations.one_of(FailedReason)),
]


class ProviderSyncs(Door):
    scopes = {"GET": Scope.READ}

    @schema.describe(
        "list_syncs",
        {200: operations.listing(schema.SyncBody)},
        parameters=[
            operations.SENDER,
            *_FILTERS,
            *operations.PAGING,
        ],
    )
    def get(self, request: Request) -> Response:
        """The outbox, newest row first."""
        query = self.list_query(*(one.name for one in _FILTERS))
        rows = _filtered(self.senders(query), query)
        return self.page(feed_of(rows, query), shown)


class OneProviderSync(Door):
    scopes = {"GET": Scope.READ}

    @schema.describe("read_sync", {200: schema.SyncWithAttempts}, finds=True)
    def get(self, request: Request, id: UUID) -> Response:
        """One row, with the newest of the calls that were made for it."""
        self.query()
        sync = _visible(self, id)
        attempts = [_shown_attempt(one) for one in sync.attempts_made.all()[:ATTEMPTS_SHOWN]]
        return Response({**shown(sync), "attempts_made": attempts})


class Retry(Door):
    scopes = {"POST": Scope.MANAGE}

    @schema.describe("retry_sync", {200: schema.SyncBody}, repeatable=True, finds=True)
    def post(self, request: Request, id: UUID) -> Response:
        """Tell the provider again what holds now, at once. Answers the row that carries it."""
        sync = _visible(self, id)
        self.without_body()

        def work() -> Answer:
            return Answer(200, {"sync": str(outbox.retry(sync).id)})

        return self.once(work, _shown_result)


def shown(sync: ProviderSync) -> dict[str, Any]:
    """A row as the API shows it; needs its account with the sender, and its identity."""
    account = sync.account
    return {
        "id": str(sync.id),
        "seq": sync.seq,
        "sender": account.sender.key,
        "account": {"id": str(account.id), "kind": account.kind, "name": account.name},
        "channel": sync.identity.channel,
        "identity": sync.identity.address,
        "contact": str(sync.identity.contact_id),
        "event": str(sync.event_id) if sync.event_id else None,
        "kind": sync.kind,
        "status": sync.status,
        "reason": sync.reason or None,
        "code": sync.code or None,
        "text": sync.text or None,
        "attempts": sync.attempts,
        "created_at": shown_time(sync.created_at),
        "due_at": shown_time(sync.due_at),
        "sent_at": shown_time(sync.sent_at),
        "ended_at": shown_time(sync.ended_at),
    }


def _shown_attempt(attempt: SyncAttempt) -> dict[str, Any]:
    return {
        "started_at": shown_time(attempt.started_at),
        "elapsed_ms": attempt.elapsed_ms,
        "status_code": attempt.status_code,
        "result": attempt.result,
        "code": attempt.code or None,
        "text": attempt.text or None,
        "trace": attempt.trace,
    }


def _shown_result(result: Result) -> dict[str, Any]:
    return shown(_with_names().get(id=result["sync"]))


def _with_names() -> QuerySet[ProviderSync]:
    # The credentials stay where they are: nothing here may need them, or show them by mistake.
    accounts = ProviderAccount.objects.select_related("sender").defer("credentials")
    return ProviderSync.objects.select_related("identity").prefetch_related(
        Prefetch("account", accounts)
    )


def _visible(door: Door, id: UUID) -> ProviderSync:
    rows = _with_names().filter(account__sender__in=door.key.acts_for)
    sync = rows.filter(id=id).first()
    if sync is None:
        raise Http404
    return sync


def _filtered(senders: list[Sender], query: Query) -> QuerySet[ProviderSync]:
    """Raises ConsentError for values that no row could have."""
    rows = _with_names().filter(account__sender__in=senders)
    identities = lookups.identities(senders, query)
    if identities is not None:
        rows = rows.filter(identity__in=identities)
    exact = {
        "status": query.word("status", list(Status)),
        "reason": query.word("reason", list(FailedReason)),
        "account": query.uuid("account"),
    }
    return rows.filter(**{name: value for name, value in exact.items() if value})

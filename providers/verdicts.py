"""Results of registrations: whether the providers hold what was asked, told once it is known.

The body is the one of Sinch's opt-in page (Conversation API, 2020): `contact_id`, `channel`,
`identity`, `status`, and `error_details` on failure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, QuerySet

from consents import awaiting, ledger, legal_holds
from consents.awaiting import Progress, Stage
from consents.models import Standing
from consents.models.rows import update_rows
from consents.purposes import PurposeTree
from consents.vocabulary import Action, Outcome
from consents.writing import database_clock
from providers import serving
from providers.contract import Kind
from providers.models import ProviderAccount, ProviderSync, Registration, WebhookDelivery
from providers.notifications import RESULT_OF, Subscriptions, delivery
from providers.outcomes import OPEN, Status

CHUNK: Final = 200
OVERDUE: Final = timedelta(days=4)
"""How long a result is waited for: a day longer than a row of the outbox is tried."""

Place = tuple[datetime, UUID]
"""How far the waiting registrations have been looked at: time made, id."""

Newest = Mapping[tuple[UUID, UUID], ProviderSync]
"""The newest row of the outbox by account and identity."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`status`: the end of Sinch's word for it. `description`: why it failed."""

    status: str
    description: str = ""


UNSUPPORTED: Final = Verdict("STATUS_UNSPECIFIED")
SUCCEEDED: Final = Verdict("SUCCEEDED")
_NOT_CONFIRMED: Final = {
    Stage.EXPIRED: Verdict("FAILED", "The person has not confirmed it in time."),
    Stage.WITHDRAWN: Verdict("FAILED", "The person has not confirmed it, and has opted out since."),
}


def resolve(after: Place | None = None) -> tuple[int, Place | None]:
    """Look at the next waiting registrations and tell the results that are known by now.

    How many were told, and where to go on; None: from the beginning.
    """
    waiting = list(_waiting(after)[:CHUNK])
    if not waiting:
        return 0, None
    look = _Look(waiting)
    known = [one.id for one in waiting if look.verdict(one)]
    told = ledger.once_more_on_deadlock(lambda: _tell(known)) if known else 0
    last = waiting[-1]
    return told, (last.created_at, last.id) if len(waiting) == CHUNK else None


def purge(older_than: timedelta) -> int:
    """Forget registrations whose result was told, a chunk at a time; how many."""
    old = Registration.objects.filter(told_at__lt=database_clock() - older_than)
    free = old.filter(Q(identity=None) | ~Q(identity__in=legal_holds.held_identities()))
    ids = list(free.values_list("id", flat=True)[:1000])
    return Registration.objects.filter(id__in=ids).delete()[0]


def result(registration: Registration, verdict: Verdict) -> dict[str, Any]:
    """What subscribers are sent."""
    identity = registration.identity
    contact = str(identity.contact_id) if identity else ""
    body: dict[str, Any] = {
        "contact_id": registration.contact_ref or contact,
        "channel": registration.channel,
        "identity": (identity.address if identity else None) or "",
        "status": f"{RESULT_OF[Kind(registration.kind)].value}_{verdict.status}",
    }
    if verdict.description:
        body["error_details"] = {"description": verdict.description}
    return body


def _waiting(after: Place | None) -> QuerySet[Registration]:
    rows = Registration.objects.filter(told_at=None)
    if after is not None:
        made, id = after
        rows = rows.filter(Q(created_at__gt=made) | Q(created_at=made, id__gt=id))
    return rows.select_related("event", "identity").order_by("created_at", "id")


def _tell(ids: Collection[UUID]) -> int:
    """Under the locks that rows of the outbox change under, look again, and put it in."""
    people = Registration.objects.filter(id__in=ids).values_list("identity", flat=True)
    list(Standing.objects.locked([one for one in people if one]))
    rows = list(
        Registration.objects.filter(id__in=ids, told_at=None)
        .select_related("event", "identity")
        .order_by("created_at", "id")
        .select_for_update(skip_locked=True, of=("self",))
    )
    look, subscriptions = _Look(rows), Subscriptions({row.sender_id for row in rows})
    told: list[WebhookDelivery] = []
    for row in rows:
        if verdict := look.verdict(row):
            row.told_at = look.now
            told += _deliveries(row, verdict, subscriptions, look.now)
    WebhookDelivery.objects.bulk_create(told)
    update_rows(rows, ["told_at"])
    return sum(row.told_at is not None for row in rows)


def _deliveries(
    row: Registration, verdict: Verdict, subscriptions: Subscriptions, now: datetime
) -> list[WebhookDelivery]:
    trigger = RESULT_OF[Kind(row.kind)]
    return [
        delivery(
            endpoint,
            trigger,
            result(row, verdict),
            now,
            identity=row.identity_id,
            event=row.event_id,
            request_id=row.request_id,
        )
        for endpoint in subscriptions.wanting(row.sender_id, trigger)
    ]


class _Look:
    """The accounts and rows that some registrations depend on, as they are now."""

    def __init__(self, registrations: Sequence[Registration]) -> None:
        self.now = database_clock()
        self._serving: dict[tuple[UUID, str], list[ProviderAccount]] = defaultdict(list)
        accounts = ProviderAccount.objects.filter(
            sender__in={one.sender_id for one in registrations}, is_enabled=True
        )
        for account in accounts.defer("credentials"):
            for channel in serving.channels_of(account):
                self._serving[account.sender_id, channel].append(account)
        self._asked = _asked(registrations, self.now)
        self._newest = _newest({one.identity_id for one in registrations if one.identity_id})

    def verdict(self, registration: Registration) -> Verdict | None:
        """None while it is not known yet."""
        accounts = [
            account
            for account in self._serving.get((registration.sender_id, registration.channel), [])
            if registration.account_id in (None, account.id)
        ]
        if not accounts:
            return UNSUPPORTED
        if refused := _refusal(registration):
            return Verdict("FAILED", refused)
        found = [self._of_account(registration, account) for account in accounts]
        asked = self._asked.get(registration.event_id or registration.id)
        if asked and not asked.confirmed and any(one != SUCCEEDED for one in found):
            return _NOT_CONFIRMED.get(asked.stage)
        failed = next((one for one in found if one and one.description), None)
        if failed or all(found):
            return failed or SUCCEEDED
        begun = asked.confirmed.recorded_at if asked and asked.confirmed else None
        if (begun or registration.created_at) < self.now - OVERDUE:
            return Verdict("FAILED", "The provider could not be told in time; it is still tried.")
        return None

    def _of_account(self, registration: Registration, account: ProviderAccount) -> Verdict | None:
        row = self._newest.get((account.id, registration.identity_id or account.id))
        if row is None or (row.kind != registration.kind and account.catch_up):
            return None
        if row.kind != registration.kind:
            return Verdict("FAILED", "A newer change of this identity has taken its place.")
        if row.status == Status.FAILED:
            said = " ".join(part for part in (row.code, row.text) if part)
            return Verdict("FAILED", f"{row.reason}: {said}" if said else row.reason)
        # One that is sent once more, to be sure, has arrived before.
        is_held = row.status == Status.SUCCEEDED or (row.is_resend and row.status in OPEN)
        return SUCCEEDED if is_held else None


def _refusal(registration: Registration) -> str:
    if registration.refusal:
        return registration.refusal
    event = registration.event
    if event is not None and event.outcome == Outcome.WOULD_RESURRECT:
        return "The person has opted out, and this opt-in may not lift that."
    return "" if registration.identity_id else "The contact has no identity on this channel."


def _asked(registrations: Sequence[Registration], now: datetime) -> Mapping[UUID, Progress]:
    """How far those opt-ins have come that the person has to confirm first, by their lines."""
    lines = [one.event for one in registrations if one.event]
    asking = [line.id for line in lines if line.action == Action.OPT_IN_REQUESTED]
    if not asking:
        return {}
    found = list(awaiting.requests().filter(id__in=asking))
    return awaiting.progress(found, PurposeTree.current()[0], now)


def _newest(identities: Collection[UUID]) -> Newest:
    rows = ProviderSync.objects.filter(identity__in=identities)
    newest = rows.order_by("identity_id", "account_id", "-seq").distinct(
        "identity_id", "account_id"
    )
    return {(row.account_id, row.identity_id): row for row in newest}

"""Notifications on their way: leased in order for each identity, ended or tried again.

A notification waits behind the one before it of the same endpoint and identity until that has
ended. Whatever is not answered with 2xx is tried again for about three days. An endpoint that
fails is left alone for a while, then tried with one notification; the others wait and spend
nothing, so that one which is down for an hour gets everything when it is back.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from consents import legal_holds
from consents.models.base import new_id
from consents.models.rows import update_rows
from consents.writing import database_clock
from providers.decisions import LADDER
from providers.models import WebhookDelivery, WebhookEndpoint
from providers.outcomes import DeliveryStatus, SignatureStyle

log = logging.getLogger(__name__)

CALL_SECONDS: Final = 10.0
LEASE: Final = timedelta(seconds=60)
CALLS_AT_ONCE: Final = 4
"""How many calls to one endpoint are under way together."""

WAIT_FIRST: Final = timedelta(seconds=5)
WAIT_MAX: Final = timedelta(minutes=5)
RETRY_AFTER_MAX: Final = timedelta(hours=1)
PAUSE_AFTER: Final = timedelta(days=3)
"""How long an endpoint may fail before it is paused, until somebody resumes it."""

GONE: Final = 410
"""Standard Webhooks: the receiver wants no more; the endpoint is switched off."""

_OPEN: Final = (DeliveryStatus.PENDING.value, DeliveryStatus.SENDING.value)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One notification to be posted, and all that is needed for it.

    `secrets`: what it is signed with, the present one first.
    """

    id: UUID
    endpoint: UUID
    lease: UUID
    trigger: str
    signature: SignatureStyle
    request_id: str
    url: str = field(repr=False)
    secrets: Sequence[str] = field(repr=False)
    body: Any = field(repr=False)
    identity: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `status` None: no whole answer; `text` is masked and says why."""

    status: int | None
    text: str = ""
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Returned:
    parcel: Parcel
    reply: Reply


_DUE_ENDPOINTS = """
SELECT id FROM providers_webhookendpoint AS endpoint
WHERE is_active AND paused_at IS NULL
  AND (wait_until IS NULL OR wait_until <= clock_timestamp())
  AND EXISTS (SELECT 1 FROM providers_webhookdelivery
              WHERE endpoint_id = endpoint.id AND status = 'pending'
                AND due_at <= clock_timestamp())
ORDER BY random()
"""

_LOCK_ENDPOINT = """
SELECT failures FROM providers_webhookendpoint
WHERE id = %(endpoint)s AND is_active AND paused_at IS NULL
  AND (wait_until IS NULL OR wait_until <= clock_timestamp())
FOR NO KEY UPDATE SKIP LOCKED
"""

# Look-ups by index for each row; as a join it may compare every row with every other.
_LEASE = """
WITH due AS (
    SELECT id FROM providers_webhookdelivery AS waiting
    WHERE endpoint_id = %(endpoint)s AND status = 'pending' AND due_at <= clock_timestamp()
      AND (identity_id IS NULL OR (
          seq = (SELECT seq FROM providers_webhookdelivery AS open
                 WHERE open.endpoint_id = waiting.endpoint_id
                   AND open.identity_id = waiting.identity_id
                   AND open.status IN ('pending', 'sending')
                 ORDER BY seq LIMIT 1)
          AND identity_id <> ALL (ARRAY(
              SELECT identity_id FROM providers_webhookdelivery
              WHERE endpoint_id = %(endpoint)s AND status = 'sending'
                AND identity_id IS NOT NULL))))
    ORDER BY due_at, seq LIMIT %(room)s FOR UPDATE OF waiting SKIP LOCKED)
UPDATE providers_webhookdelivery AS row
SET status = 'sending', lease = %(lease)s,
    lease_until = clock_timestamp() + make_interval(secs => %(length)s)
FROM due WHERE row.id = due.id
RETURNING row.id
"""


def due_endpoints() -> list[UUID]:
    """Those that something is due for, in no order, so that none always comes last."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE_ENDPOINTS)
        return [row[0] for row in cursor]


@transaction.atomic
def claim(endpoint: UUID, room: int) -> list[Parcel]:
    """Lease up to `room` due notifications of an endpoint. Never waits for a lock.

    The endpoint's lock keeps two workers from taking two of one identity. One that failed last
    time is tried with a single notification.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_ENDPOINT, {"endpoint": endpoint})
        locked = cursor.fetchone()
    if locked is None:
        return []
    flying = WebhookDelivery.objects.filter(
        endpoint=endpoint, status=DeliveryStatus.SENDING.value
    ).count()
    at_once = 1 if locked[0] else CALLS_AT_ONCE
    lease = new_id()
    rows = _lease(endpoint, lease, min(room, at_once - flying))
    return _parcels(rows, lease)


def settle(returned: Sequence[Returned]) -> None:
    """Write down what these calls came to; only whoever still holds the lease may."""
    in_order = sorted(returned, key=lambda one: one.parcel.endpoint)
    for endpoint, group in groupby(in_order, key=lambda one: one.parcel.endpoint):
        with transaction.atomic():
            _settle(endpoint, list(group))


def reap() -> int:
    """Free what a worker that was killed held: delivered again, since nobody knows."""
    late = WebhookDelivery.objects.filter(
        status=DeliveryStatus.SENDING.value, lease_until__lt=database_clock()
    )
    return late.update(
        status=DeliveryStatus.PENDING.value,
        lease=None,
        lease_until=None,
        due_at=database_clock(),
        text="The worker stopped before the answer came.",
    )


def release(parcels: Sequence[Parcel]) -> None:
    """Give back what was claimed and not begun: it is due as before."""
    for parcel in parcels:
        WebhookDelivery.objects.filter(id=parcel.id, lease=parcel.lease).update(
            status=DeliveryStatus.PENDING.value, lease=None, lease_until=None
        )


def purge(older_than: timedelta) -> int:
    """Forget what ended that long ago, a chunk at a time; how many.

    What has waited that long for an endpoint that is off or paused ends first.
    """
    before = database_clock() - older_than
    WebhookDelivery.objects.filter(
        status=DeliveryStatus.PENDING.value, created_at__lt=before
    ).exclude(endpoint__is_active=True, endpoint__paused_at=None).update(
        status=DeliveryStatus.FAILED.value,
        ended_at=database_clock(),
        text="The endpoint was off or paused for too long.",
    )
    old = WebhookDelivery.objects.filter(ended_at__lt=before).exclude(status__in=_OPEN)
    ids = list(_unless_held(old).values_list("id", flat=True)[:1000])
    return WebhookDelivery.objects.filter(id__in=ids).delete()[0]


def _unless_held(rows: QuerySet[WebhookDelivery]) -> QuerySet[WebhookDelivery]:
    held = legal_holds.held_identities()
    return rows.filter(Q(identity=None) | ~Q(identity__in=held))


def wait_length(failures: int, asked: timedelta | None, *, chance: float) -> timedelta:
    """How long to leave an endpoint alone after so many failures in a row.

    What it asked for (Retry-After) up to an hour; else half of a bound that doubles up to five
    minutes, and a random part (`chance` in [0, 1)) of the other half.
    """
    bound: timedelta = min(WAIT_FIRST * 2 ** min(failures - 1, 10), WAIT_MAX)
    length = bound / 2 + bound / 2 * chance
    return max(length, min(asked, RETRY_AFTER_MAX)) if asked else length


def _lease(endpoint: UUID, lease: UUID, room: int) -> list[UUID]:
    if room <= 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            _LEASE,
            {
                "endpoint": endpoint,
                "lease": lease,
                "room": room,
                "length": LEASE.total_seconds(),
            },
        )
        return [row[0] for row in cursor]


def _parcels(rows: Sequence[UUID], lease: UUID) -> list[Parcel]:
    if not rows:
        return []
    now = database_clock()
    found = WebhookDelivery.objects.filter(id__in=rows).select_related("endpoint", "identity")
    return [
        Parcel(
            id=one.id,
            endpoint=one.endpoint_id,
            lease=lease,
            trigger=one.trigger,
            signature=SignatureStyle(one.endpoint.signature),
            request_id=one.request_id,
            url=one.endpoint.url,
            secrets=_secrets(one.endpoint, now),
            body=one.body,
            identity=(one.identity.address if one.identity else None) or "",
        )
        for one in found.order_by("due_at", "seq")
    ]


def _secrets(endpoint: WebhookEndpoint, now: datetime) -> list[str]:
    known = endpoint.secret
    until = known.get("former_until")
    former = [known["former"]] if until and datetime.fromisoformat(until) > now else []
    return [known["current"], *former]


def _settle(endpoint_id: UUID, returned: Sequence[Returned]) -> None:
    # The endpoint first, as whoever deletes one does.
    endpoints = WebhookEndpoint.objects.select_for_update(no_key=True).defer("secret")
    endpoint = endpoints.filter(id=endpoint_id).first()
    if endpoint is None:
        return
    mine = {one.parcel.id: one for one in returned}
    rows = WebhookDelivery.objects.filter(id__in=mine, status=DeliveryStatus.SENDING.value)
    now = database_clock()
    settled = []
    for row in rows.select_for_update().order_by("seq"):
        one = mine[row.id]
        if row.lease == one.parcel.lease:
            _settle_row(row, one.reply, now)
            _tell_endpoint(endpoint, one.reply, now)
            settled.append(row)
    update_rows(
        settled,
        ["status", "attempts", "due_at", "lease", "lease_until", "status_code", "text", "ended_at"],
    )
    endpoint.save(
        update_fields=[
            *("is_active", "paused_at", "pause_reason"),
            *("failing_since", "failures", "wait_until", "last_success_at"),
        ]
    )


def _settle_row(row: WebhookDelivery, reply: Reply, now: datetime) -> None:
    row.attempts += 1
    row.lease = row.lease_until = None
    row.status_code, row.text = reply.status, reply.text[:500]
    if reply.is_success:
        row.status, row.ended_at = DeliveryStatus.SUCCEEDED.value, now
    elif reply.status == GONE or row.attempts > len(LADDER):
        row.status, row.ended_at = DeliveryStatus.FAILED.value, now
    else:
        row.status = DeliveryStatus.PENDING.value
        row.due_at = now + LADDER[row.attempts - 1]


def _tell_endpoint(endpoint: WebhookEndpoint, reply: Reply, now: datetime) -> None:
    """Not more often than it changes anything: many calls share the endpoint's row."""
    if reply.is_success:
        _recovered(endpoint, now)
    elif reply.status == GONE:
        endpoint.is_active = False
        endpoint.pause_reason = "The endpoint answered 410: it wants no more."
        log.warning("Webhook endpoint %s answered 410 and is switched off.", endpoint.id)
    else:
        _failed(endpoint, reply, now)


def _recovered(endpoint: WebhookEndpoint, now: datetime) -> None:
    if endpoint.failures > 1:
        # It was away, not just displeased by one: what was tried in vain is due again at once.
        WebhookDelivery.objects.filter(
            endpoint=endpoint, status=DeliveryStatus.PENDING.value, due_at__gt=now
        ).update(due_at=now)
    endpoint.failures, endpoint.failing_since, endpoint.wait_until = 0, None, None
    endpoint.last_success_at = now


def _failed(endpoint: WebhookEndpoint, reply: Reply, now: datetime) -> None:
    """Calls that were under way together count as one failure."""
    endpoint.failing_since = endpoint.failing_since or now
    if endpoint.wait_until is None or endpoint.wait_until <= now:
        endpoint.failures += 1
        chance = random.random()  # noqa: S311 - jitter
        endpoint.wait_until = now + wait_length(endpoint.failures, reply.retry_after, chance=chance)
    if now - endpoint.failing_since >= PAUSE_AFTER and endpoint.paused_at is None:
        endpoint.paused_at = now
        endpoint.pause_reason = "No notification got through for three days."
        log.warning("Webhook endpoint %s has failed for days and is paused.", endpoint.id)

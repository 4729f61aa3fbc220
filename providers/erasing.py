"""What the providers' tables hold about people, forgotten: all but what is still owed.

Each is called under the locks of the people's standings, and may be called again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from consents.holders import Kept, Person
from consents.models import Standing
from consents.models.base import ClockTimestamp
from consents.writing import database_clock
from providers.models import (
    Drift,
    ProviderCallback,
    ProviderSync,
    Registration,
    SyncAttempt,
    WebhookDelivery,
)
from providers.outcomes import OPEN, DeliveryStatus, Status

STILL_HEARD_WITHIN: Final = timedelta(hours=1)
"""How long a change that was overtaken while under way may still take effect at the provider."""

SPELLING_MIN: Final = 7
"""Shorter addresses would be found in any text."""

_DELIVERY_OPEN: Final = (DeliveryStatus.PENDING.value, DeliveryStatus.SENDING.value)

# What was ignored names nobody, so it is searched for the address itself.
_MENTIONING: Final = """
UPDATE providers_providercallback SET body = '', headers = '{}'
WHERE identities = '{}' AND status <> 'stored' AND body <> ''
  AND EXISTS (SELECT FROM unnest(%s::text[]) AS spelling
              WHERE position(convert_to(spelling, 'UTF8') IN body) > 0)
"""


def owed_syncs(identities: Collection[UUID]) -> Kept:
    """Changes that an account in use is to be told, or that may still be undone by an older one."""
    rows = ProviderSync.objects.filter(identity__in=identities)
    waiting = Q(status__in=[status.value for status in OPEN], account__is_enabled=True)
    flying = Q(status=Status.SENDING.value)
    overtaken = Q(
        status=Status.SUPERSEDED.value, sent_at__gte=database_clock() - STILL_HEARD_WITHIN
    )
    why = "A provider must still be told that they opted out."
    return Kept("provider_syncs", rows.filter(waiting | flying | overtaken).count(), why)


def owed_notifications(identities: Collection[UUID]) -> Sequence[Kept]:
    """What subscribers in use are still to be told, and results that are not known yet."""
    deliveries = WebhookDelivery.objects.filter(identity__in=identities, endpoint__is_active=True)
    open_ones = deliveries.filter(status__in=_DELIVERY_OPEN).count()
    waiting = Registration.objects.filter(identity__in=identities, told_at=None).count()
    why = "A subscriber must still be told that they opted out."
    return [
        Kept("webhook_deliveries", open_ones, why),
        Kept("registrations", waiting, "The result of a registration is still to be told."),
    ]


def erase_syncs(person: Person) -> None:
    rows = ProviderSync.objects.filter(identity__in=person.identities)
    rows.filter(status=Status.PENDING.value, account__is_enabled=False).update(
        status=Status.SUPERSEDED.value, ended_at=ClockTimestamp()
    )
    rows.update(text="")
    SyncAttempt.objects.filter(sync__identity__in=person.identities).update(text="", trace=[])


def erase_drift(person: Person) -> None:
    Drift.objects.filter(identity__in=person.identities).update(answer={})


def erase_notifications(person: Person) -> None:
    rows = WebhookDelivery.objects.filter(identity__in=person.identities)
    rows.filter(status=DeliveryStatus.PENDING.value, endpoint__is_active=False).update(
        status=DeliveryStatus.FAILED.value, ended_at=ClockTimestamp()
    )
    rows.exclude(status__in=_DELIVERY_OPEN).update(body={}, text="", request_id="")
    told = Registration.objects.filter(identity__in=person.identities, told_at__isnull=False)
    told.update(contact_ref="", request_id="")


def erase_callbacks(person: Person) -> None:
    """Those about the person, and those that name an address of theirs.

    What has not been applied yet is left, to be applied and then forgotten.
    """
    about = ProviderCallback.objects.filter(identities__overlap=sorted(person.identities))
    _forget(about)
    spellings = [text for text in person.spellings if len(text) >= SPELLING_MIN]
    if spellings:
        with connection.cursor() as cursor:
            cursor.execute(_MENTIONING, [spellings])


def forget_callbacks_of_erased(callbacks: Sequence[ProviderCallback]) -> None:
    """Of callbacks that have just been applied: nothing is kept of what somebody erased wrote."""
    people = {identity for callback in callbacks for identity in callback.identities}
    erased = Standing.objects.filter(identity__in=people, erased_at__isnull=False)
    ids = list(erased.values_list("identity", flat=True)) if people else []
    if ids:
        _forget(ProviderCallback.objects.filter(identities__overlap=ids))


def _forget(callbacks: QuerySet[ProviderCallback, Any]) -> None:
    callbacks.update(body=b"", headers={})

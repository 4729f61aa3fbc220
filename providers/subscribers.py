"""Subscribers of a sender: their endpoints made, changed, tried out, and told again."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from consents.errors import ConsentError
from consents.models import Sender
from consents.writing import database_clock
from providers import addresses
from providers.models import WebhookDelivery, WebhookEndpoint
from providers.notifications import delivery, message
from providers.outcomes import SUBSCRIBABLE, DeliveryStatus, SignatureStyle, Trigger

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how Standard Webhooks marks one
FORMER_SECRET_FOR: Final = timedelta(days=1)
"""How long a replaced secret signs beside the new one, where the style can carry two."""


def create(
    sender: Sender, *, url: str, triggers: Sequence[str], signature: str = SignatureStyle.STANDARD
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint and its secret, to be shown this once.

    Raises ConsentError `invalid_url`, `triggers_required`, `unknown_trigger`, `unknown_signature`.
    """
    secret = new_secret()
    endpoint = WebhookEndpoint.objects.create(
        sender=sender,
        url=checked_url(url),
        triggers=checked_triggers(triggers),
        signature=_signature(signature),
        secret={"current": secret},
    )
    return endpoint, secret


@transaction.atomic
def change(
    endpoint: WebhookEndpoint,
    *,
    url: str | None = None,
    triggers: Sequence[str] | None = None,
    signature: str | None = None,
    is_active: bool | None = None,
) -> WebhookEndpoint:
    """Change what is given; what is None stays. Raises ConsentError as `create`.

    `is_active` True also resumes one that is paused, or was switched off by its answer 410.
    """
    endpoint = _locked(endpoint, no_key=True)
    fields: dict[str, Any] = {}
    if url is not None:
        fields["url"] = checked_url(url)
    if triggers is not None:
        fields["triggers"] = checked_triggers(triggers)
    if signature is not None:
        fields["signature"] = _signature(signature)
    if is_active is not None:
        fields |= _resumed(endpoint) if is_active else {"is_active": False}
    for name, value in fields.items():
        setattr(endpoint, name, value)
    if fields:
        endpoint.save(update_fields=list(fields))
    return endpoint


@transaction.atomic
def rotate(endpoint: WebhookEndpoint) -> str:
    """Replace the secret; the new one, to be shown this once.

    For a day the former one signs as well, where the style can carry two (`standard`). Raises
    ConsentError `unknown_endpoint`, as all here do, when it was deleted meanwhile.
    """
    endpoint = _locked(endpoint, no_key=True)
    secret = new_secret()
    until = database_clock() + FORMER_SECRET_FOR
    endpoint.secret = {
        "current": secret,
        "former": endpoint.secret["current"],
        "former_until": until.isoformat(),
    }
    endpoint.save(update_fields=["secret"])
    return secret


@transaction.atomic
def delete(endpoint: WebhookEndpoint) -> None:
    """Remove an endpoint, and with it all that it was and would have been told."""
    _locked(endpoint).delete()


@transaction.atomic
def test(endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send it something harmless. Raises ConsentError `endpoint_inactive`."""
    endpoint = _locked(endpoint, no_key=True)
    if not endpoint.is_active or endpoint.paused_at:
        raise ConsentError(
            "endpoint_inactive", "The endpoint is off or paused: switch it on first.", "is_active"
        )
    now = database_clock()
    body = message(Trigger.TEST, now, {"endpoint": str(endpoint.id)})
    row = delivery(endpoint.id, Trigger.TEST, body, now)
    row.save(force_insert=True)
    return row


def redeliver(one: WebhookDelivery) -> None:
    """Deliver it again, under the same id; left alone while it is being sent, and once erased."""
    _make_due(WebhookDelivery.objects.filter(id=one.id))


def redeliver_since(
    endpoint: WebhookEndpoint, since: datetime, until: datetime | None = None
) -> int:
    """Deliver everything made since then again, in its order; how many."""
    rows = WebhookDelivery.objects.filter(endpoint=endpoint, created_at__gte=since)
    return _make_due(rows.filter(created_at__lt=until) if until else rows)


def new_secret() -> str:
    """Fit for both styles: decoded by Standard Webhooks, taken as text by Sinch's rule."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def checked_url(url: str) -> str:
    """Raises ConsentError `invalid_url`."""
    url = url.strip()
    problem = addresses.url_problem(
        url,
        allow_http=settings.WEBHOOKS_ALLOW_HTTP,
        allow_private=settings.WEBHOOKS_ALLOW_PRIVATE,
    )
    if problem:
        raise ConsentError("invalid_url", problem, "url")
    return url


def checked_triggers(triggers: Sequence[object]) -> list[str]:
    """Each once, in the order they are listed. Raises ConsentError."""
    if not triggers:
        raise ConsentError("triggers_required", "Name at least one trigger.", "triggers")
    known = [trigger.value for trigger in SUBSCRIBABLE]
    if any(trigger not in known for trigger in triggers):
        message = f"There is no such trigger; there are {', '.join(known)}."
        raise ConsentError("unknown_trigger", message, "triggers")
    return [trigger for trigger in known if trigger in triggers]


def _signature(name: str) -> str:
    if name not in list(SignatureStyle):
        raise ConsentError("unknown_signature", "The signature is standard or sinch.", "signature")
    return SignatureStyle(name).value


def _locked(endpoint: WebhookEndpoint, *, no_key: bool = False) -> WebhookEndpoint:
    """`no_key`: so that whoever records meanwhile need not wait. Raises ConsentError."""
    rows = WebhookEndpoint.objects.select_for_update(no_key=no_key)
    found = rows.filter(id=endpoint.id).first()
    if found is None:
        raise ConsentError("unknown_endpoint", "There is no such endpoint any more.")
    return found


def _resumed(endpoint: WebhookEndpoint) -> dict[str, Any]:
    """It begins with one notification, to see whether it answers now."""
    if endpoint.is_active and endpoint.paused_at is None:
        return {}
    _make_due(WebhookDelivery.objects.filter(endpoint=endpoint), [DeliveryStatus.PENDING])
    fresh = {"is_active": True, "paused_at": None, "pause_reason": "", "failing_since": None}
    return {**fresh, "failures": 1 if endpoint.failures else 0, "wait_until": None}


def _make_due(rows: Any, statuses: Sequence[DeliveryStatus] = ()) -> int:
    chosen = rows.filter(status__in=[one.value for one in statuses]) if statuses else rows
    can_be = chosen.exclude(status=DeliveryStatus.SENDING.value).exclude(body={})
    made: int = can_be.update(
        status=DeliveryStatus.PENDING.value, attempts=0, due_at=database_clock(), ended_at=None
    )
    return made

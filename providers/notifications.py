"""What subscribers are told: a delivery for each, in the transaction of the thing itself.

Nothing can commit without the notifications that tell of it, and none tells of what was rolled
back. Recording costs one indexed query more, which finds no row where nobody listens.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from consents import documents
from consents.models import ChannelIdentity, Consent, ConsentEvent, Seal, Sender, Standing
from consents.models.prepared import array, prepared
from consents.signals import Lines
from consents.vocabulary import CONSENT_ACTIONS, ROOT_PURPOSE, Action
from consents.writing import database_clock
from providers.contract import Kind
from providers.models import ProviderAccount, ProviderSync, Registration, WebhookDelivery
from providers.outcomes import Trigger
from providers.redaction import mask_identity

Body = Mapping[str, Any]

RESULT_OF: Final = {Kind.OPT_IN: Trigger.OPT_IN, Kind.OPT_OUT: Trigger.OPT_OUT}
_WINDOWS: Final = {
    Action.WINDOW_OPENED.value: Trigger.WINDOW_OPENED,
    Action.WINDOW_CLOSED.value: Trigger.WINDOW_CLOSED,
}


class Subscriptions:
    """Who of some senders' subscribers wants to hear of what; read in one query.

    The share lock keeps them there until our commit: an endpoint deleted meanwhile must not make
    the recording of a consent fail.
    """

    def __init__(self, senders: Iterable[UUID]) -> None:
        self._endpoints: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
        with prepared() as cursor:
            cursor.execute(
                "SELECT id, sender_id, triggers FROM providers_webhookendpoint "
                "WHERE sender_id = ANY(%s::uuid[]) AND is_active ORDER BY id FOR KEY SHARE",
                [array(senders)],
            )
            for endpoint, sender, triggers in cursor:
                for trigger in triggers:
                    self._endpoints[sender, trigger].append(endpoint)

    def __bool__(self) -> bool:
        return bool(self._endpoints)

    def wanting(self, sender: UUID, trigger: Trigger) -> Sequence[UUID]:
        return self._endpoints.get((sender, trigger.value), [])


def announce(lines: Lines) -> None:
    """Tell of lines just written, and expect a result of each opt-in and opt-out among them."""
    subscriptions = Subscriptions({lines.sender})
    if not subscriptions:
        return
    now = database_clock()
    told = []
    for event in lines.events:
        if trigger := _trigger_of(event):
            endpoints = subscriptions.wanting(event.sender_id, trigger)
            body = message(trigger, event.recorded_at, _line(event)) if endpoints else {}
            told += [
                delivery(one, trigger, body, now, identity=event.identity_id, event=event.id)
                for one in endpoints
            ]
    WebhookDelivery.objects.bulk_create(told)
    _expect_results(lines.events, subscriptions, now)


def register(
    *,
    sender: Sender,
    kind: Kind,
    channel: str,
    event: ConsentEvent | None,
    identity: ChannelIdentity | None,
    account: ProviderAccount | None,
    request_id: str = "",
    contact_ref: str = "",
    refusal: str = "",
) -> None:
    """Promise the sender's subscribers the result of an opt-in or opt-out, once it is known.

    Called in the transaction that recorded `event`; what the doorbell has promised of that event
    by itself gives way to this. `account`: the one that must hold it; None: all that serve the
    channel. `request_id` and `contact_ref` are echoed. `refusal`: why it ended without a line, or
    without an identity.
    """
    if event is not None:
        Registration.objects.filter(
            event=event, account=None, request_id="", contact_ref="", told_at=None
        ).delete()
    Registration.objects.create(
        sender=sender,
        kind=kind.value,
        channel=channel,
        event=event,
        identity=identity or (event.identity if event else None),
        account=account,
        request_id=request_id[:200],
        contact_ref=contact_ref[:200],
        refusal=refusal[:500],
        created_at=database_clock(),
    )


def sync_failed(rows: Sequence[ProviderSync]) -> None:
    """Tell of rows of the outbox that have just failed; under the locks of their standings."""
    if not rows:
        return
    accounts = ProviderAccount.objects.defer("credentials").in_bulk(
        {row.account_id for row in rows}
    )
    subscriptions = Subscriptions({account.sender_id for account in accounts.values()})
    if not subscriptions:
        return
    people = ChannelIdentity.objects.in_bulk({row.identity_id for row in rows})
    now, told = database_clock(), []
    for row in rows:
        account = accounts[row.account_id]
        body = message(Trigger.SYNC_FAILED, now, _failure(row, account, people[row.identity_id]))
        told += [
            delivery(
                one, Trigger.SYNC_FAILED, body, now, identity=row.identity_id, event=row.event_id
            )
            for one in subscriptions.wanting(account.sender_id, Trigger.SYNC_FAILED)
        ]
    WebhookDelivery.objects.bulk_create(told)


def ledger_sealed(seal: Seal) -> None:
    """Tell every sender's subscribers of a seal, in its transaction: they keep it outside."""
    senders = list(Sender.objects.values_list("id", flat=True))
    subscriptions = Subscriptions(senders)
    if not subscriptions:
        return
    now = database_clock()
    data = {**documents.seal(seal), "digest": seal.digest().hex()}
    body = message(Trigger.LEDGER_SEALED, seal.sealed_at, data)
    WebhookDelivery.objects.bulk_create(
        delivery(endpoint, Trigger.LEDGER_SEALED, body, now)
        for sender in senders
        for endpoint in subscriptions.wanting(sender, Trigger.LEDGER_SEALED)
    )


def opt_ins_ending(consents: Sequence[Consent]) -> None:
    """Tell of opt-ins that will soon have run out, so that people can be asked again in time."""
    subscriptions = Subscriptions({one.identity.sender_id for one in consents})
    if not subscriptions:
        return
    now = database_clock()
    trigger = Trigger.CONSENT_EXPIRING
    WebhookDelivery.objects.bulk_create(
        delivery(
            endpoint,
            trigger,
            message(trigger, now, _ending(one)),
            now,
            identity=one.identity_id,
            event=one.event_id,
        )
        for one in consents
        for endpoint in subscriptions.wanting(one.identity.sender_id, trigger)
    )


def message(trigger: Trigger, at: datetime, data: Body) -> Body:
    """A body as Standard Webhooks shapes it: `type`, `timestamp`, `data`."""
    return {"type": trigger.value, "timestamp": _moment(at), "data": data}


def masked(body: Any) -> Any:
    """A body as it may be shown: no whole address, at any depth."""
    if isinstance(body, list):
        return [masked(one) for one in body]
    if not isinstance(body, dict):
        return body
    return {
        name: mask_identity(value) if name == "identity" and value else masked(value)
        for name, value in body.items()
    }


def delivery(
    endpoint: UUID,
    trigger: Trigger,
    body: Body,
    now: datetime,
    *,
    identity: UUID | None = None,
    event: UUID | None = None,
    request_id: str = "",
) -> WebhookDelivery:
    """One notification, due at once; not saved."""
    return WebhookDelivery(
        endpoint_id=endpoint,
        trigger=trigger.value,
        body=body,
        identity_id=identity,
        event_id=event,
        request_id=request_id,
        due_at=now,
        created_at=now,
    )


def _trigger_of(event: ConsentEvent) -> Trigger | None:
    if event.action in _WINDOWS:
        return _WINDOWS[event.action]
    return Trigger.CONSENT_CHANGED if event.effective else None


def _expect_results(
    events: Sequence[ConsentEvent], subscriptions: Subscriptions, now: datetime
) -> None:
    statements = [
        event
        for event in events
        if event.action in CONSENT_ACTIONS
        and subscriptions.wanting(event.sender_id, RESULT_OF[Kind(event.action)])
    ]
    promised = _promised(statements)
    Registration.objects.bulk_create(
        Registration(
            sender_id=event.sender_id,
            kind=event.action,
            channel=event.identity.channel,
            event=event,
            identity_id=event.identity_id,
            created_at=now,
        )
        for event in _told_to_providers(statements)
        if event.cause_id not in promised
    )


def _promised(events: Sequence[ConsentEvent]) -> set[UUID | None]:
    """The unconfirmed opt-ins whose result is promised: it tells of what confirms them."""
    causes = [event.cause_id for event in events if event.action == Action.OPT_IN]
    if not any(causes):
        return set()
    waiting = Registration.objects.filter(event__in=filter(None, causes), told_at=None)
    return set(waiting.values_list("event", flat=True))


def _told_to_providers(events: Sequence[ConsentEvent]) -> list[ConsentEvent]:
    """Those of which a provider can hold the bit.

    That somebody left one purpose and stays in others is told to no provider, so there is no
    result of it; nor would a result, which names no purpose, be understood.
    """
    narrow = {event.identity_id for event in events if event.purpose.key != ROOT_PURPOSE}
    standings = Standing.objects.filter(identity__in=narrow) if narrow else ()
    bits = {one.identity_id: Kind.OPT_IN if one.may_write else Kind.OPT_OUT for one in standings}
    return [
        event
        for event in events
        if event.purpose.key == ROOT_PURPOSE or bits.get(event.identity_id) == event.action
    ]


def _ending(consent: Consent) -> Body:
    return {
        "event": str(consent.event_id),
        "channel": consent.identity.channel,
        "identity": consent.identity.address,
        "contact": str(consent.identity.contact_id),
        "purpose": consent.purpose.key,
        "expires_at": _moment(consent.warned_of) if consent.warned_of else None,
    }


def _line(event: ConsentEvent) -> Body:
    return {
        "event": str(event.id),
        "seq": event.seq,
        "action": event.action,
        "channel": event.identity.channel,
        "identity": event.identity.address,
        "contact": str(event.identity.contact_id),
        "purpose": event.purpose.key,
        "outcome": event.outcome or None,
        "source": event.source or None,
        "origin": event.origin,
        "occurred_at": _moment(event.occurred_at),
        "recorded_at": _moment(event.recorded_at),
    }


def _failure(row: ProviderSync, account: ProviderAccount, identity: ChannelIdentity) -> Body:
    return {
        "sync": str(row.id),
        "account": {"id": str(account.id), "kind": account.kind, "name": account.name},
        "kind": row.kind,
        "channel": identity.channel,
        "identity": identity.address,
        "contact": str(identity.contact_id),
        "event": str(row.event_id) if row.event_id else None,
        "reason": row.reason,
        "code": row.code or None,
        "text": row.text or None,
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

"""`consent-events/`: writes the ledger, one line or many, and reads it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from consents import confirm_links, entries, ledger
from consents.api import lookups, operations, schema
from consents.api.door import Door, fields_of
from consents.api.errors import ApiError, error_body
from consents.api.fields import Fields, Query, shown_time
from consents.api.pagination import feed_of
from consents.entries import Entry
from consents.errors import ConsentError
from consents.idempotency import Answer, Result
from consents.ledger import Recorded
from consents.models import ConsentEvent, Contact, EventDetail, Sender
from consents.purposes import PurposeTree
from consents.vocabulary import Action, Origin, Scope

_FILTERS: Final = [
    operations.query("contact", "Our id, or your external_id."),
    operations.query("channel"),
    operations.query("identity"),
    operations.query("action"),
    operations.query("purpose", "Lines of exactly this purpose."),
    operations.query("source"),
    operations.query("origin"),
    operations.query("from", "Recorded at or after this time."),
    operations.query("to", "Recorded before this time."),
]


class ConsentEvents(Door):
    scopes = {"GET": Scope.READ, "POST": Scope.RECORD}

    @operations.describe(
        "record",
        {201: schema.RecordedBody},
        request=schema.EventRequest,
        repeatable=True,
    )
    def post(self, request: Request) -> Response:
        """Record one opt-in or opt-out.

        A repetition is written down and answers with `effective: false`. Where the purpose has
        double opt-in, an opt-in is written down as `opt_in_requested` and counts once the person
        has confirmed it: `confirmation` says until when, and on which page they do so.
        """
        body = self.body(schema.EventRequest)
        sender = self.sender(body)
        written: list[ConsentEvent] = []

        def work() -> Answer:
            contacts = lookups.contacts_named(sender, _contact_of(body))
            fields = _entry_fields(body, contacts, self.actor)
            written[:] = ledger.record(sender, **fields).events
            return Answer(201, {"events": [str(event.id) for event in written]})

        return self.once(work, lambda result: _shown_recorded(result, written, self.site))

    @operations.describe(
        "list_events",
        {200: operations.listing(schema.EventBody)},
        parameters=[
            operations.SENDER,
            *_FILTERS,
            *operations.PAGING,
        ],
    )
    def get(self, request: Request) -> Response:
        """The ledger, newest line first."""
        query = self.list_query(*(one.name for one in _FILTERS))
        rows = _filtered(_with_names(), self.senders(query), query)
        return self.page(feed_of(rows, query), shown)


class ConsentEventsInBulk(Door):
    scopes = {"POST": Scope.RECORD}
    is_bulk = True

    @operations.describe(
        "record_many", {200: schema.BulkBody}, request=schema.BulkRequest, repeatable=True
    )
    def post(self, request: Request) -> Response:
        """Record up to 10 000, each by itself: one that cannot be recorded holds up no other.

        An opt-in brings back somebody who opted out only where it states its `occurred_at`.
        """
        body = self.body(schema.BulkRequest)
        sender = self.sender(body)
        items = body.items("events", schema.BULK_MAX)

        written: list[ConsentEvent] = []

        def work() -> Answer:
            recorded = _record_many(sender, items, self.actor)
            written[:] = [
                event for one in recorded if isinstance(one, Recorded) for event in one.events
            ]
            return Answer(200, {"results": list(map(_result, recorded))}, wrote=bool(written))

        return self.once(work, lambda result: _shown_bulk(result, written, self.site))


class OneConsentEvent(Door):
    scopes = {"GET": Scope.READ}

    @operations.describe("read_event", {200: schema.EventWithDetail}, finds=True)
    def get(self, request: Request, id: UUID) -> Response:
        """One line, with what is personal about it."""
        rows = _with_names().select_related("detail")
        event = rows.filter(id=id, sender__in=self.senders(self.query())).first()
        if event is None:
            raise Http404
        return Response({**shown(event), "detail": _shown_detail(event)})


def shown(event: ConsentEvent) -> dict[str, Any]:
    """A line as the API shows it; needs its sender, identity and purpose."""
    return {
        "id": str(event.id),
        "seq": event.seq,
        "sender": event.sender.key,
        "action": event.action,
        "channel": event.identity.channel,
        "identity": event.identity.address,
        "contact": str(event.identity.contact_id),
        "purpose": event.purpose.key,
        "source": event.source,
        "origin": event.origin,
        "actor": event.actor,
        "occurred_at": shown_time(event.occurred_at),
        "recorded_at": shown_time(event.recorded_at),
        "effective": event.effective,
        "outcome": event.outcome or None,
        "cause": str(event.cause_id) if event.cause_id else None,
    }


def shown_by_id(ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Lines as the API shows them, by their ids."""
    return {str(event.id): shown(event) for event in _with_names().filter(id__in=list(ids))}


def newest(identities: Collection[UUID], limit: int) -> list[ConsentEvent]:
    """The newest lines about these identities, at most `limit`, ready to be shown."""
    return list(_with_names().filter(identity__in=identities).order_by("-seq")[:limit])


def _with_names() -> QuerySet[ConsentEvent]:
    return ConsentEvent.objects.select_related("sender", "identity", "purpose")


def _contact_of(item: Fields) -> list[str]:
    name = item.text("contact")
    return [name] if item.raw("contact") is not None else []


def _entry_fields(item: Fields, contacts: Mapping[str, Contact], actor: str) -> dict[str, Any]:
    """What the ledger takes, of what was sent; the ledger looks at the values."""
    named = _contact_of(item)
    fields = {
        "action": item.raw("action"),
        "channel": item.raw("channel"),
        "identity": item.raw("identity"),
        "contact": lookups.existing(contacts, named[0]) if named else None,
        "channels": _channels(item),
        "purpose": item.raw("purpose"),
        "source": item.text("source"),
        "ip": item.raw("ip"),
        "user_agent": item.text("user_agent"),
        "occurred_at": item.time("occurred_at"),
        "evidence": item.raw("evidence"),
        "note": item.text("note"),
        "origin": Origin.API,
        "actor": actor,
    }
    return fields if fields["purpose"] is not None else fields | {"purpose": "all"}


def _channels(item: Fields) -> list[Any]:
    """Those that an entry about a contact speaks of; `channel` narrows it as `channels` does."""
    channels = item.raw("channels")
    if channels is not None and not isinstance(channels, list):
        raise ConsentError("invalid_channels", "This must be a list of channels.", "channels")
    named = item.raw("channel")
    if named is None or item.raw("identity") is not None:
        return channels or []
    return [*(channels or []), entries.channel(named)]


def _record_many(
    sender: Sender, items: list[Any], actor: str
) -> list[Recorded | ConsentError | ApiError]:
    read = [_fields_of(item) for item in items]
    names = [name for one in read if isinstance(one, Fields) for name in _names_in(one)]
    contacts = lookups.contacts_named(sender, names)
    handed_in = [_entry_of(one, contacts, actor) for one in read]
    recorded = iter(ledger.record_many(sender, [e for e in handed_in if isinstance(e, Entry)]))
    return [next(recorded) if isinstance(one, Entry) else one for one in handed_in]


def _names_in(item: Fields) -> list[str]:
    try:
        return _contact_of(item)
    except ConsentError:
        return []


def _fields_of(item: object) -> Fields | ApiError | ConsentError:
    if not isinstance(item, dict):
        return ApiError(400, "invalid_item", "This must be an object.", "events")
    try:
        return fields_of(item, schema.EventItem)
    except (ApiError, ConsentError) as error:
        return error


def _entry_of(
    item: Fields | ApiError | ConsentError, contacts: Mapping[str, Contact], actor: str
) -> Entry | ApiError | ConsentError:
    if not isinstance(item, Fields):
        return item
    try:
        return Entry(**_entry_fields(item, contacts, actor))
    except ConsentError as error:
        return error


def _result(of: Recorded | ConsentError | ApiError) -> Result:
    if isinstance(of, Recorded):
        return {"events": [str(event.id) for event in of.events]}
    return error_body(of.code, of.message, of.field)


def _shown_recorded(result: Result, written: Iterable[ConsentEvent], site: str) -> dict[str, Any]:
    return _all_of(result["events"], _events_of(result["events"], written, site))


def _events_of(ids: Iterable[str], written: Iterable[ConsentEvent], site: str) -> Mapping[str, Any]:
    """The lines just written, those of an earlier answer read; and where people confirm them."""
    events = {str(event.id): shown(event) for event in written} or shown_by_id(ids)
    asking = [id for id, one in events.items() if one["action"] == Action.OPT_IN_REQUESTED]
    for id, offer in confirm_links.offers(asking, site).items():
        events[id]["confirmation"] = {
            "expires_at": shown_time(offer.expires_at),
            "url": offer.url,
        }
    return events


def _all_of(ids: list[str], events: Mapping[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = events[ids[0]]
    return {**first, "events": [events[id] for id in ids]} if len(ids) > 1 else first


def _shown_bulk(result: Result, written: Iterable[ConsentEvent], site: str) -> dict[str, Any]:
    items = result["results"]
    events = _events_of((id for item in items for id in item.get("events", ())), written, site)
    return {"results": [_shown_item(index, item, events) for index, item in enumerate(items)]}


def _shown_item(index: int, item: Result, events: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in item:
        # In the order of the first answer, which the database does not keep.
        error = {name: item["error"][name] for name in ("code", "message", "field")}
        return {"index": index, "status": "error", "error": error}
    ids = item["events"]
    own = {"index": index, "status": "recorded", "event": events[ids[0]]}
    return {**own, "events": [events[id] for id in ids]} if len(ids) > 1 else own


def _shown_detail(event: ConsentEvent) -> dict[str, Any] | None:
    try:
        return event.detail.committed()
    except EventDetail.DoesNotExist:
        return None


def _filtered(
    rows: QuerySet[ConsentEvent], senders: list[Sender], query: Query
) -> QuerySet[ConsentEvent]:
    """Raises ConsentError for values that no line could have."""
    rows = rows.filter(sender__in=senders)
    if name := query.text("contact"):
        contacts = [lookups.contacts_named(sender, [name]).get(name) for sender in senders]
        rows = rows.filter(identity__contact__in=[one for one in contacts if one])
    identities = lookups.identities(senders, query)
    if identities is not None:
        rows = rows.filter(identity__in=identities)
    if purpose := query.text("purpose"):
        rows = rows.filter(purpose=PurposeTree.load().named(purpose))
    exact = {
        "action": query.word("action", list(Action)),
        "origin": query.word("origin", list(Origin)),
        "source": query.text("source"),
        "recorded_at__gte": query.time("from"),
        "recorded_at__lt": query.time("to"),
    }
    return rows.filter(**{name: value for name, value in exact.items() if value})

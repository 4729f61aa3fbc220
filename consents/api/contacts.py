"""`contacts/`: people as a sender knows them, and what happened with each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from consents import contacts, disclosure, entries, erasure, holders, identifiers, links
from consents.api import contact_shapes, events, lookups, operations
from consents.api.door import Door, fields_of
from consents.api.fields import Fields, shown_time
from consents.api.pagination import limit_of, page_of
from consents.errors import ConsentError
from consents.holders import Moment
from consents.idempotency import Answer, Result
from consents.identifiers import Address
from consents.links import Link
from consents.models import ChannelIdentity, ConsentEvent, Contact, Erasure
from consents.vocabulary import Scope


class Contacts(Door):
    scopes = {"GET": Scope.READ, "POST": Scope.MANAGE}

    @operations.describe(
        "list_contacts",
        {200: operations.listing(contact_shapes.ContactBody)},
        parameters=[
            operations.SENDER,
            operations.query("identity"),
            operations.query("channel"),
            operations.query("external_id"),
            *operations.PAGING,
        ],
    )
    def get(self, request: Request) -> Response:
        """People, the newest first."""
        query = self.list_query("identity", "channel", "external_id")
        senders = self.senders(query)
        rows = _with_identities().filter(sender__in=senders)
        identities = lookups.identities(senders, query)
        if identities is not None:
            rows = rows.filter(id__in=identities.values("contact"))
        if external_id := query.text("external_id"):
            rows = rows.filter(external_id=external_id)
        return self.page(page_of(rows, query), shown)

    @operations.describe(
        "create_contact",
        {201: contact_shapes.ContactBody},
        request=contact_shapes.ContactRequest,
        repeatable=True,
    )
    def post(self, request: Request) -> Response:
        """Make a contact. Whatever is recorded of an unknown identity makes one too."""
        body = self.body(contact_shapes.ContactRequest)
        sender = self.sender(body)
        names, addresses = _names(body), _addresses(body)

        def work() -> Answer:
            contact = contacts.create(sender, names, addresses)
            return Answer(201, {"contact": str(contact.id)})

        return self.once(work, _shown_result)


class OneContact(Door):
    scopes = {"GET": Scope.READ, "PATCH": Scope.MANAGE}
    refused = {
        "DELETE": "A contact is never deleted, since the ledger speaks of it. To forget a person, "
        "POST to its erase/."
    }

    @operations.describe("read_contact", {200: contact_shapes.ContactBody}, finds=True)
    def get(self, request: Request, id: UUID) -> Response:
        """One person."""
        self.query()
        return Response(shown(_visible(self, id)))

    @operations.describe(
        "change_contact",
        {200: contact_shapes.ContactBody},
        request=contact_shapes.ContactChange,
        repeatable=True,
        finds=True,
    )
    def patch(self, request: Request, id: UUID) -> Response:
        """Change what the sender calls a person; what is left out stays."""
        contact = _visible(self, id)
        names = _names(self.body(contact_shapes.ContactChange))

        def work() -> Answer:
            contacts.change(contact, names)
            return Answer(200, {"contact": str(contact.id)})

        return self.once(work, _shown_result)


class PreferenceLink(Door):
    scopes = {"POST": Scope.RECORD}

    @operations.describe(
        "make_preference_link",
        {201: contact_shapes.PreferenceLinkBody},
        request=contact_shapes.PreferenceLinkRequest,
        repeatable=True,
        finds=True,
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Make a link by which this person sees and changes what they are written about.

        Whoever has the link may use it, without a login, until it expires. With `headers` in an
        e-mail, mail programs offer to unsubscribe in one click (RFC 8058).
        """
        contact = _visible(self, id)
        body = self.body(contact_shapes.PreferenceLinkRequest)
        wanted = _wanted_link(body)

        def work() -> Answer:
            link = links.make(contact, timezone.now(), **wanted)
            return Answer(201, {"link": link.fields()})

        return self.once(work, self._shown)

    def _shown(self, result: Result) -> dict[str, Any]:
        link = Link.of_fields(result["link"])
        made = asdict(links.addresses(link, self.site))
        return {**made, "expires_at": shown_time(link.expires_at)}


class Erasures(Door):
    scopes = {"POST": Scope.MANAGE}

    @operations.describe(
        "erase_contact", {200: contact_shapes.ErasureBody}, repeatable=True, finds=True
    )
    def post(self, request: Request, id: UUID) -> Response:
        """Forget a person, and refuse to write to them from now on.

        At once they are opted out of everything, and all that is personal goes but what somebody
        must still be told. When nobody is owed word any more the address goes too, and
        `finished_at` says when. `kept` says what is left and why. Once more, it changes nothing.
        """
        contact = _visible(self, id)
        self.without_body()

        def work() -> Answer:
            done = erasure.erase(contact, actor=self.actor)
            return Answer(200, {"erasure": str(done.erasure.id)})

        return self.once(work, _shown_erasure)


class WholeFile(Door):
    scopes = {"GET": Scope.MANAGE}

    @operations.describe("export_contact", {200: contact_shapes.FileBody}, finds=True)
    def get(self, request: Request, id: UUID) -> Response:
        """All that is known of a person, for the person.

        Every event with its proofs, states, messages, what providers and subscribers were told and
        what they said, what staff did. Who took it out is noted, in the file too.
        """
        self.query()
        return Response(disclosure.file_of(_visible(self, id), actor=self.actor))


class Timeline(Door):
    scopes = {"GET": Scope.READ}

    @operations.describe(
        "read_timeline",
        {200: contact_shapes.TimelineBody},
        parameters=[operations.query("limit")],
        finds=True,
    )
    def get(self, request: Request, id: UUID) -> Response:
        """The newest of all that happened with a person and what providers were told of it.

        Every event, page by page, is in the list of consent events.
        """
        contact = _visible(self, id)
        limit = limit_of(self.query("limit"))
        identities = [identity.id for identity in contact.identities.all()]
        lines = events.newest(identities, limit)
        moments = [_of_event(line) for line in lines]
        moments += [_of_holder(one) for one in holders.timeline(identities, limit)]
        moments.sort(key=lambda moment: str(moment["at"]), reverse=True)
        return Response({"results": moments[:limit]})


def shown(contact: Contact) -> dict[str, Any]:
    """A contact as the API shows it; needs its sender and identities."""
    return {
        "id": str(contact.id),
        "sender": contact.sender.key,
        "external_id": contact.external_id,
        "display_name": contact.display_name,
        "language": contact.language,
        "created_at": shown_time(contact.created_at),
        "identities": [_shown_identity(one) for one in contact.identities.all()],
    }


def _shown_identity(identity: ChannelIdentity) -> dict[str, Any]:
    return {
        "id": str(identity.id),
        "channel": identity.channel,
        "identity": identity.address,
        "warnings": identity.warnings,
    }


def _of_event(event: ConsentEvent) -> dict[str, Any]:
    return {
        "at": shown_time(event.recorded_at),
        "kind": "event",
        "id": str(event.id),
        "identity": str(event.identity_id),
        "data": events.shown(event),
    }


def _of_holder(moment: Moment) -> dict[str, Any]:
    return {
        "at": shown_time(moment.at),
        "kind": moment.kind,
        "id": str(moment.id),
        "identity": str(moment.identity),
        "data": dict(moment.data),
    }


def _shown_result(result: Result) -> dict[str, Any]:
    return shown(_with_identities().get(id=result["contact"]))


def _shown_erasure(result: Result) -> dict[str, Any]:
    report = erasure.report(Erasure.objects.get(id=result["erasure"]))
    return {
        "contact": str(report.erasure.contact_id),
        "asked_at": shown_time(report.erasure.asked_at),
        "finished_at": shown_time(report.erasure.finished_at),
        "kept": [{"what": one.what, "count": one.count, "why": one.why} for one in report.kept],
    }


def _with_identities() -> QuerySet[Contact]:
    return Contact.objects.select_related("sender").prefetch_related("identities")


def _visible(door: Door, id: UUID) -> Contact:
    contact = _with_identities().filter(id=id, sender__in=door.key.acts_for).first()
    if contact is None:
        raise Http404
    return contact


def _names(body: Fields) -> Mapping[str, str | None]:
    """Those that were sent; an empty external_id is none."""
    names: dict[str, str | None] = {
        name: body.text(name) for name in contacts.NAMES if body.has(name)
    }
    if "external_id" in names:
        names["external_id"] = names["external_id"] or None
    return names


def _wanted_link(body: Fields) -> dict[str, Any]:
    """What was said of it; `links.make` knows the rest."""
    wanted: dict[str, Any] = {"days": body.whole_number("days")}
    if body.raw("channel") is not None:
        wanted["channel"] = entries.channel(body.raw("channel"))
    if purpose := body.text("purpose"):
        wanted["purpose"] = purpose
    return wanted


def _addresses(body: Fields) -> list[Address]:
    if body.raw("identities") is None:
        return []
    return [
        _address(item) for item in body.items("identities", contact_shapes.CONTACT_IDENTITIES_MAX)
    ]


def _address(item: object) -> Address:
    if not isinstance(item, dict):
        raise ConsentError("invalid_identities", "Each is an object.", "identities")
    fields = fields_of(item, contact_shapes.IdentityRequest)
    return identifiers.normalise(entries.channel(fields.raw("channel")), fields.raw("identity"))

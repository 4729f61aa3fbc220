"""`/unsubscribe/<token>/`: what the headers of an e-mail offer, in one click (RFC 8058)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest, HttpResponse

from consents import choosing
from consents.errors import ConsentError
from consents.identifiers import hinted
from consents.links import Bearer
from consents.models import Purpose
from consents.pages import texts, visitors
from consents.pages.door import CONFIRMED, PreferenceLinkPage, notice
from consents.purposes import PurposeTree
from consents.vocabulary import Channel

ONE_CLICK: Final = ("List-Unsubscribe", "One-Click")
"""The body that a mail program posts (RFC 8058, 3.1)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the link opts out of."""

    purpose: Purpose
    channel: Channel


class UnsubscribePage(PreferenceLinkPage):
    is_for_machines = True

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        return self._shown(_offer(self.bearer), token)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Opts out. The answer to a mail program is 200 and no redirect, as RFC 8058 wants it."""
        offer = _offer(self.bearer)
        by_machine = request.POST.get(ONE_CLICK[0]) == ONE_CLICK[1]
        if not by_machine and request.POST.get(CONFIRMED[0]) != CONFIRMED[1]:
            return notice(request, texts.NOT_UNDERSTOOD, 400)
        choosing.leave(
            self.bearer.contact,
            visitors.of(request),
            self._evidence(offer, by_machine=by_machine),
            channel=offer.channel,
            purpose=offer.purpose.key,
            source=choosing.ONE_CLICK_SOURCE if by_machine else choosing.PAGE_SOURCE,
        )
        return self._shown(offer, token, texts.unsubscribed())

    def _evidence(self, offer: Offer, *, by_machine: bool) -> dict[str, Any]:
        """A mail program's own button was clicked: which words were on it, nobody knows here."""
        if by_machine:
            return {"choice": "unsubscribe", "body": "=".join(ONE_CLICK)}
        sender = self.bearer.contact.sender
        return texts.evidence_of_unsubscribing(sender, offer.purpose, offer.channel)

    def _shown(self, offer: Offer, token: str, message: str = "") -> HttpResponse:
        contact = self.bearer.contact
        there = contact.identities.filter(channel=offer.channel, address__isnull=False)
        return self.page(
            "preferences/unsubscribe.html",
            message=message,
            token=token,
            question=texts.unsubscribing(contact.sender, offer.purpose),
            on_channel=texts.on_channel(offer.channel),
            addresses=", ".join(hinted(one.address or "") for one in there.order_by("id")),
            consequences=texts.consequences(contact.sender),
            unsubscribe=texts.unsubscribe(),
        )


def _offer(bearer: Bearer) -> Offer:
    """Raises ConsentError `no_identity` where the link offers nothing to unsubscribe from."""
    link = bearer.link
    if link.channel is None:
        raise ConsentError("no_identity", "They have no address there.", "channel")
    purposes, _ = PurposeTree.current()
    return Offer(purposes.named(link.purpose), link.channel)

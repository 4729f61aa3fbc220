"""Hears the standalone Sinch WhatsApp API: messages of people, and delivery reports.

Source: Sinch's WhatsApp callback page of 2021 and its release notes. There is no callback about
opt-ins: registering is answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers import callback_secrets, meta, reading, signing
from providers.contract import (
    USER_ID,
    Account,
    Contradiction,
    ContradictionHeard,
    Heard,
    Listener,
    MessageHeard,
    NothingHeard,
)
from providers.errors import UnreadableError
from providers.redaction import Mask

# Release notes of May 2020: these open no session. An error is no message of a person.
NO_MESSAGE = {"deleted", "system", "error"}
CHANNEL = "WHATSAPP"


class SinchWhatsAppListener(Listener):
    """`callback_key` is the HMAC key given when the bot was set up."""

    def is_signed(self, account: Account) -> bool:
        return bool(account.credentials.get("callback_key"))

    def verify(
        self, account: Account, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> str:
        key, *former = callback_secrets.accepted(account, "callback_key", now)
        return signing.verify_whatsapp(key, body, headers, former=former)

    def hear(self, account: Account, body: bytes) -> list[Heard]:
        document = reading.document(body)
        if meta.is_forwarded(document):
            return meta.heard(document)
        if not document.keys() & {"type", "statuses", "notifications", "contacts"}:
            raise UnreadableError("not_sinch_whatsapp", "This is no callback of Sinch WhatsApp.")
        notices = reading.parts(document.get("notifications"))
        users = _other_names(document, notices)
        heard: list[Heard] = [_notification(one, users) for one in notices]
        heard += [_status(one) for one in reading.parts(document.get("statuses"))]
        return heard or [NothingHeard("neither messages nor reports")]


def _other_names(document: dict[str, Any], notices: list[dict[str, Any]]) -> list[str]:
    """The ids of the one person that the callback is about, where it is about one alone."""
    contacts = reading.parts(document.get("contacts"))
    senders = {reading.text(one.get("from")) for one in notices}
    return [reading.text(contacts[0].get("wa_id"))] if len(contacts) == len(senders) == 1 else []


def _notification(notice: dict[str, Any], users: list[str]) -> Heard:
    message = reading.part(notice.get("message"))
    kind = reading.text(message.get("type")).lower()
    if kind in NO_MESSAGE:
        return NothingHeard(f"a notice of the type {kind}")
    sender = reading.text(notice.get("from"))
    reply = reading.part(message.get("message")) if kind == "interactive" else {}
    button = message if kind == "button" else {}
    return MessageHeard(
        channel=CHANNEL,
        identity=sender,
        message_id=reading.text(notice.get("message_id")) or reading.stand_in_id(notice),
        received_at=reading.moment(notice.get("timestamp")),
        text=reading.raw_text(message.get("body")) or reading.raw_text(message.get("caption")),
        payload=reading.raw_text(button.get("payload") or reply.get("id")) or None,
        title=reading.raw_text(button.get("text") or reply.get("title")) or None,
        also=[(CHANNEL, user) for user in users if _is_one_of_each(sender, user)],
    )


def _is_one_of_each(one: str, other: str) -> bool:
    """A number and an id that WhatsApp made up: a second number may be somebody else's."""
    return bool(one and other) and bool(USER_ID.fullmatch(one)) != bool(USER_ID.fullmatch(other))


def _status(status: dict[str, Any]) -> Heard:
    state = reading.text(status.get("state")).lower()
    details = reading.text(status.get("details"))
    if meta.says_stopped(details):
        found, code = Contradiction.STOPPED_MARKETING, meta.STOPPED_CODE
    elif state == "no_opt_in":
        found, code = Contradiction.NOT_OPTED_IN, state
    else:
        return NothingHeard("a delivery report")
    recipient = reading.text(status.get("recipient"))
    return ContradictionHeard(
        contradiction=found,
        channel=CHANNEL,
        identity=recipient,
        code=code,
        text=Mask(identities=[recipient.lstrip("+")]).apply(details),
        occurred_at=reading.moment(status.get("timestamp")),
        reference=reading.text(status.get("message_id")),
    )

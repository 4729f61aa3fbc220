"""Hears Pepipost (Netcore): messages of people, and delivery reports.

Sources: wadocs.pepipost.com, webhooks, and requests captured by an integrator in 2026; the captures
count where the two differ. There is no callback about opt-ins.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from providers import callback_secrets, meta, reading
from providers.contract import (
    Account,
    Contradiction,
    ContradictionHeard,
    Heard,
    Listener,
    MessageHeard,
    NothingHeard,
)
from providers.errors import InvalidSignatureError, UnreadableError
from providers.redaction import Mask

CHANNEL = "WHATSAPP"
HEADER = "x-callback-secret"
# 8002 is "not opted in"; 8007 is the closed window, which says nothing about consent.
_NOT_OPTED_IN = re.compile(r"(?<!\d)8002(?!\d)|not\s+opted[\s-]*in", re.IGNORECASE)


class PepipostListener(Listener):
    """Nothing is signed: the dashboard's fixed header carries `callback_secret`.

    The setting `callback_header` names that header.
    """

    def is_signed(self, account: Account) -> bool:
        return bool(account.credentials.get("callback_secret"))

    def verify(
        self, account: Account, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> str:
        name = str(account.settings.get("callback_header") or HEADER).strip().lower()
        given = headers.get(name, "").strip()
        if not given:
            raise InvalidSignatureError("signature_missing", "The agreed header is missing.")
        secrets = callback_secrets.accepted(account, "callback_secret", now)
        if not callback_secrets.fits(given, secrets):
            raise InvalidSignatureError("signature_mismatch", "The header holds another value.")
        return ""

    def hear(self, account: Account, body: bytes) -> list[Heard]:
        document = reading.document(body)
        if meta.is_forwarded(document):
            return meta.heard(document)
        heard: list[Heard] = []
        heard += [_message(one) for one in reading.parts(document.get("incoming_message"))]
        heard += [_report(one) for one in reading.parts(document.get("delivery_status"))]
        if heard or document.keys() & {"incoming_message", "delivery_status"}:
            return heard or [NothingHeard("an empty list")]
        if not document:
            raise UnreadableError("empty", "The body says nothing.")
        # Told apart by the top-level key; their documents ask for a 2xx to anything else.
        return [NothingHeard("an event of another kind")]


def _message(message: dict[str, Any]) -> Heard:
    kind = _kind(message)
    if kind == "reaction":
        # Whether it opens the window nobody has written down, so it opens none.
        return NothingHeard("a reaction")
    reply = _reply(reading.part(message.get("interactive_type")))
    content = reading.part(message.get(f"{kind}_type"))
    return MessageHeard(
        channel=CHANNEL,
        identity=reading.text(message.get("from")),
        message_id=reading.text(message.get("message_id")) or reading.stand_in_id(message),
        received_at=reading.unix_moment(message.get("received_at")),
        text=reading.raw_text(content.get("text")) or reading.raw_text(content.get("caption")),
        payload=reading.raw_text(reply.get("id")) or None,
        title=reading.raw_text(reply.get("title")) or None,
    )


def _kind(message: dict[str, Any]) -> str:
    """The type in lower case; where it is missing, by the one object that is there."""
    if named := reading.text(message.get("message_type")).lower():
        return named
    return next(
        (key.removesuffix("_type") for key, value in message.items() if _is_content(key, value)),
        "text",
    )


def _is_content(key: str, value: object) -> bool:
    return key.endswith("_type") and isinstance(value, dict | list)


def _reply(interactive: dict[str, Any]) -> dict[str, Any]:
    return reading.part(interactive.get("button_reply") or interactive.get("list_reply"))


def _report(report: dict[str, Any]) -> Heard:
    """Its time has no zone, and nobody says which is meant, so it is not believed."""
    remark = reading.text(report.get("status_remark"))
    if meta.says_stopped(remark):
        found, code = Contradiction.STOPPED_MARKETING, meta.STOPPED_CODE
    elif _NOT_OPTED_IN.search(remark):
        found, code = Contradiction.NOT_OPTED_IN, "8002"
    else:
        return NothingHeard("a delivery report")
    recipient = reading.text(report.get("recipient"))
    return ContradictionHeard(
        contradiction=found,
        channel=CHANNEL,
        identity=recipient,
        code=code,
        text=Mask(identities=[recipient]).apply(remark),
        reference=reading.text(report.get("ncmessage_id")),
    )

"""Imitates Pepipost's consent call: one type, some recipients, one answer for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from providers.contract import Kind
from providers.dropin_contract import (
    RECIPIENTS_MAX,
    Call,
    Dropin,
    Entitlement,
    Problem,
    Recipient,
    Reply,
    Wish,
    lenient_json_object,
    storable,
)
from providers.pepipost import wire
from providers.pepipost.wire import Refusal

# Where the gateway, not the consent call, answers (clients; the rest is inferred).
_STATUSES = {Problem.NO_KEY: 403}
_KINDS = {word: kind for kind, word in wire.TYPES.items()}
_USER_AGENT_MAX = 2000


class PepipostDropin(Dropin):
    """The key decides the sender, as with the provider: it must have exactly one.

    One recipient alone is a person's own statement and lifts any opt-out. Of several the call says
    neither who stated what nor when, so they lift none.
    """

    # The page's link has an invisible character before the last slash.
    path = r"^api/v2/consent/manage\u200b?/?$"
    home = r"^api/v2/"

    def read(self, call: Call) -> Wish | Reply:
        if call.method != "POST":
            return self.refuse_method("POST")
        document = lenient_json_object(call.body)
        if document is None:
            return _failure(Refusal.PARAMETER_MISSING)
        if refusal := _refusal_of_type(document.get("type")):
            return _failure(refusal)
        entries = document.get("recipients")
        if not isinstance(entries, list) or not entries:
            return _failure(Refusal.RECIPIENTS_REQUIRED)
        if len(entries) > RECIPIENTS_MAX:
            return _failure(wire.TOO_MANY_RECIPIENTS)
        return _wish(_KINDS[document["type"]], entries)

    def refuse(self, problem: Problem) -> Reply:
        if problem is Problem.INVALID_RECIPIENT:
            return _failure(Refusal.RECIPIENT_NOT_NUMERIC)
        status = _STATUSES.get(problem, problem.status)
        error = HTTPStatus(status).phrase
        return Reply(status, {"error": error, "message": problem.text, "status": status})


def _refusal_of_type(word: object) -> Refusal | None:
    if not word:
        return Refusal.TYPE_REQUIRED
    is_known = isinstance(word, str) and word in _KINDS
    return None if is_known else Refusal.TYPE_INVALID


def _wish(kind: Kind, entries: list[Any]) -> Wish:
    refusals: list[str] = []
    recipients = []
    for entry in entries:
        entry = entry if isinstance(entry, dict) else {}
        source, number = _text(entry.get("source")), _number(entry.get("recipient"))
        if refusal := wire.refusal_of_recipient(number, source):
            refusals.append(refusal)
            continue
        ip = _text(entry.get("ip"))
        if ip and not wire.is_ip(ip):
            # The person's wish is plain whatever the ip: the failure is answered, the wish kept.
            refusals.append(wire.IP_INVALID)
            ip = ""
        recipients.append(_recipient(entry, number, source, ip))
    is_alone = len(entries) == 1
    return Wish(
        kind=kind,
        recipients=recipients,
        reply=Reply(200, {"status": "success", "message": wire.SUCCESSES[kind]}),
        refusal=_failure(refusals[0]) if refusals else None,
        entitlement=Entitlement.ANY if is_alone else Entitlement.NOTHING,
    )


def _recipient(entry: Mapping[str, Any], number: str, source: str, ip: str) -> Recipient:
    user_agent = _text(entry.get("user_agent"))[:_USER_AGENT_MAX]
    return Recipient(
        channel="WHATSAPP", identity=number, source=source, ip=ip or None, user_agent=user_agent
    )


def _number(value: object) -> str:
    """The page says "long" and shows a string; some languages write a long as 919869566055.0."""
    return value.removesuffix(".0") if isinstance(value, str) else ""


def _text(value: object) -> str:
    return storable(value).strip() if isinstance(value, str) else ""


def _failure(message: str) -> Reply:
    error = {"code": wire.VALIDATION, "message": str(message)}
    return Reply(wire.FAILURE_STATUS, {"status": "failure", "error": error})

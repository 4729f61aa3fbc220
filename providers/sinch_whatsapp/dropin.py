"""Imitates Sinch WhatsApp's provisioning: a list of numbers in, an empty answer out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from providers.contract import Kind
from providers.dropin_contract import (
    RECIPIENTS_MAX,
    AccountNamed,
    Call,
    Dropin,
    Problem,
    Recipient,
    Reply,
    Wish,
    json_object,
)
from providers.sinch_whatsapp import wire

_KINDS = {
    ("POST", "optin"): Kind.OPT_IN,
    ("DELETE", "optin"): Kind.OPT_OUT,
    ("POST", "optout"): Kind.OPT_OUT,
}
# The page knows 400 and 401 alone; a bot that is not this key's is its "wrong region".
_STATUSES = {
    Problem.NOT_ALLOWED: 401,
    Problem.UNKNOWN_ACCOUNT: 401,
}
_VALIDATION = "Validation error"


class SinchWhatsAppDropin(Dropin):
    """The bot id names the account, and so the sender. Numbers have no source of their own."""

    path = r"^whatsapp/v1/(?P<bot>[^/]+)/provision/(?P<end>optin|optout)/?$"
    home = r"^whatsapp/v1/"

    def read(self, call: Call) -> Wish | Reply:
        end = call.arguments["end"]
        kind = _KINDS.get((call.method, end))
        if kind is None:
            return self.refuse_method(*(method for method, of in _KINDS if of == end))
        document = json_object(call.body)
        numbers, complaint = _numbers(document)
        return Wish(
            kind=kind,
            recipients=[Recipient(channel="WHATSAPP", identity=number) for number in numbers],
            reply=Reply(200),
            refusal=_invalid(complaint) if complaint else None,
            account=AccountNamed(call.arguments["bot"]),
        )

    def refuse(self, problem: Problem) -> Reply:
        if problem is Problem.INVALID_RECIPIENT:
            return _invalid("Field [numbers] has an element that is not an MSISDN.")
        status = _STATUSES.get(problem, problem.status)
        return Reply(status, {"message": HTTPStatus(status).phrase, "details": problem.text})


def _numbers(document: dict[str, Any] | None) -> tuple[list[str], str]:
    """Those that are fit to be recorded, each once, and what is wrong with the list as a whole."""
    if document is None:
        return [], "The body is not a JSON object."
    given = document.get("numbers")
    if not isinstance(given, list):
        return [], "Field [numbers] must be an array of strings."
    if not given:
        return [], "Field [numbers] can not be empty."
    if len(given) > RECIPIENTS_MAX:
        return [], _too_long()
    read = [_number(one) for one in given]
    complaint = _too_long() if len(given) > wire.NUMBERS_MAX else _complaint(read)
    return list(dict.fromkeys(number for number in read if number)), complaint


def _number(value: object) -> str:
    """Digits, or nothing. A JSON number is taken for what it says, and a plus is let pass."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    digits = str(value).removeprefix("+")
    return digits if wire.is_msisdn(digits) else ""


def _complaint(read: list[str]) -> str:
    """Where the wrong ones stand, so that nobody's number is in an answer or a log."""
    wrong = [str(place) for place, number in enumerate(read, start=1) if not number]
    if not wrong:
        return ""
    return f"Field [numbers] has no MSISDN of 7 to 15 digits at position {', '.join(wrong)}."


def _too_long() -> str:
    return f"Field [numbers] can not have more than {wire.NUMBERS_MAX} elements."


def _invalid(details: str) -> Reply:
    return Reply(400, {"message": _VALIDATION, "details": details})

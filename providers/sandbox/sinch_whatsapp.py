"""Sinch's standalone WhatsApp API: provision/optin and provision/optout, by its opt-in page.

The page leaves open what a number twice in one call does (here: nothing special) and what opting
out a number never opted in answers (here: 200).
"""

import re
from collections.abc import Sequence

from .accounts import SinchWhatsAppAccount
from .error_bodies import error_answer
from .exchange import (
    OPT_IN,
    OPT_OUT,
    SINCH_WHATSAPP,
    STATE_AFTER,
    UNREADABLE,
    Answer,
    Call,
    Change,
    Request,
    Verdict,
    is_digits,
    json_answer,
)
from .faults import Rule

PATH = re.compile(r"/whatsapp/v1/(?P<bot>[^/]+)/provision/(?P<endpoint>optin|optout)/?")
ACTIONS = {("POST", "optin"): OPT_IN, ("DELETE", "optin"): OPT_OUT, ("POST", "optout"): OPT_OUT}
MOST_NUMBERS = 20


def read(request: Request) -> Call:
    match = PATH.fullmatch(request.path)
    endpoint = match["endpoint"] if match else ""
    action = ACTIONS.get((request.method, endpoint), UNREADABLE)
    numbers = (request.payload or {}).get("numbers")
    texts = numbers if isinstance(numbers, list) else []
    return Call(SINCH_WHATSAPP, action, endpoint, tuple(n for n in texts if isinstance(n, str)))


def answer(
    request: Request, call: Call, account: SinchWhatsAppAccount, rule: Rule | None
) -> Verdict:
    """What Sinch answers, and what it then holds; `rule` is a fault of its own, if one struck."""
    if refusal := _turn_away(request, call, account) or _fault_answer(rule):
        return Verdict(refusal)
    if complaint := _complaint((request.payload or {}).get("numbers")):
        return Verdict(_validation_error(complaint))
    rejected = set(rule.get("rejected")) if rule and rule.fault == "json_answer" else set()
    taken = [number for number in call.numbers if number not in rejected]
    changes = tuple(Change(SINCH_WHATSAPP, n, STATE_AFTER[call.action]) for n in taken)
    return Verdict(_success(call, rejected, rule), changes)


def _turn_away(request: Request, call: Call, account: SinchWhatsAppAccount) -> Answer | None:
    match = PATH.fullmatch(request.path)
    if match is None:
        return error_answer(SINCH_WHATSAPP, 404)
    if request.bearer != account.token or match["bot"] != account.bot:
        return json_answer(401, {"message": "401", "reason": "Unauthorized bot"})
    if call.action == UNREADABLE:
        return error_answer(SINCH_WHATSAPP, 405)
    return None


def _fault_answer(rule: Rule | None) -> Answer | None:
    if rule is None:
        return None
    if rule.fault == "optout_missing":
        return error_answer(SINCH_WHATSAPP, rule.get("status"))
    if rule.fault == "rate_limited":
        return error_answer(SINCH_WHATSAPP, 500, "Request could not be processed")
    if rule.fault == "bad_numbers":
        return _validation_error(rule.get("message") or "Field [numbers] has an invalid MSISDN.")
    return None


def _complaint(numbers: object) -> str | None:
    if not isinstance(numbers, list) or not numbers:
        return "Field [numbers] can not be empty."
    if len(numbers) > MOST_NUMBERS:
        return f"Field [numbers] can not have more than {MOST_NUMBERS} elements."
    if not all(is_digits(number) and 7 <= len(number) <= 15 for number in numbers):
        return "Field [numbers] has an invalid MSISDN."
    return None


def _validation_error(details: str) -> Answer:
    return json_answer(400, {"message": "Validation error", "details": details})


def _success(call: Call, rejected: set[str], rule: Rule | None) -> Answer:
    """Empty, as the page says; since 2021-08 an opt-in has a body with each number's result."""
    if rule is None or rule.fault != "json_answer":
        return Answer(200)
    return json_answer(200, _results(call.numbers, rejected, rule.get("message")))


def _results(numbers: Sequence[str], rejected: set[str], reason: str) -> object:
    return {
        "optInNumbers": [{"msisdn": n, "waId": n} for n in numbers if n not in rejected],
        "failedToOptInNumbers": [
            {"msisdn": n, "rejectionReason": reason} for n in numbers if n in rejected
        ],
    }

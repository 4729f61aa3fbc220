"""Pepipost's consent endpoint, by its page "Manage Opt IN / Opt OUT" and its error-codes page.

The pages leave open: the HTTP status of a failure (200 here, as its clients' code suggests), the
text for an opt-out, the answer to an invalid ip, and what a call with several recipients does
(here: all or nothing).
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from .accounts import PepipostAccount
from .error_bodies import error_answer
from .exchange import (
    OPT_IN,
    OPT_OUT,
    OPTED_IN,
    PEPIPOST,
    STATE_AFTER,
    UNREADABLE,
    Answer,
    Call,
    Change,
    Request,
    Verdict,
    html_answer,
    is_digits,
    json_answer,
)
from .faults import Rule
from .state import Holdings

PATHS = ("/api/v2/consent/manage/", "/api/v2/consent/manage")
ACTION_OF_TYPE = {"optin": OPT_IN, "optout": OPT_OUT}
SUCCESS = {OPT_IN: "Optin successfully added.", OPT_OUT: "Optout successfully added."}

TYPE_REQUIRED = "type is required."
TYPE_INVALID = "type is invalid. type must be optin/optout."
RECIPIENTS_REQUIRED = "recipients is required."
# The page's own sample begins with the space.
SOURCE_EMPTY = " source cannot be empty."
SOURCE_TOO_LONG = "source value cannot be greater than 25 characters."
NOT_NUMERIC = "Invalid recipient. Only numeric values allowed."
TOO_SHORT = "recipient value cannot be less than 10 digits."
TOO_LONG = "recipient value cannot be greater than 15 digits."
IP_INVALID = "ip is invalid."

ALREADY_FOUND = ("8005", "Optin already found for provided mobilenumber")
UPDATE_ERROR = ("8005", "Error occurred while updating optin for mobilenumber")


def read(request: Request) -> Call:
    payload = request.payload or {}
    action = ACTION_OF_TYPE.get(str(payload.get("type")), UNREADABLE)
    recipients = payload.get("recipients")
    found = recipients if isinstance(recipients, list) else []
    numbers = tuple(_number(row) for row in found if isinstance(row, dict))
    return Call(PEPIPOST, action, "manage", numbers)


def answer(
    request: Request, call: Call, account: PepipostAccount, holdings: Holdings, rule: Rule | None
) -> Verdict:
    """What Pepipost answers, and what it then holds; `rule` is a fault of its own, if one struck.

    The caller holds the lock of `holdings`: "already found" looks first and changes after."""
    if refusal := _turn_away(request, account):
        return Verdict(refusal)
    if rule is not None and (failing := _fault_answer(call, rule)):
        return Verdict(failing)
    failure_status = rule.get("status") if rule and rule.fault == "failure_status" else 200
    if complaint := _complaint(request.payload or {}):
        return Verdict(_failure("8006", complaint, failure_status))
    if call.action == OPT_IN and _all_held(call, holdings):
        return Verdict(_failure(*ALREADY_FOUND, failure_status))
    changes = [Change(PEPIPOST, number, STATE_AFTER[call.action]) for number in call.numbers]
    return Verdict(_success(call, rule), tuple(changes))


def _turn_away(request: Request, account: PepipostAccount) -> Answer | None:
    if request.method != "POST":
        return error_answer(PEPIPOST, 405)
    if request.bearer is None:
        # Field notes: without the word Bearer it looks like a firewall's block.
        return html_answer(403, "403 Forbidden")
    if request.bearer != account.token:
        return error_answer(PEPIPOST, 401, "Invalid API key")
    if request.payload is None:
        return error_answer(PEPIPOST, 400, "Malformed JSON")
    return None


def _fault_answer(call: Call, rule: Rule) -> Answer | None:
    if rule.fault == "already_found":
        return _failure(*ALREADY_FOUND)
    if rule.fault == "update_error":
        return _failure(*UPDATE_ERROR)
    if rule.fault == "refused":
        return _failure(rule.get("code"), rule.get("message"))
    if rule.fault == "bad_numbers":
        return _failure("8006", rule.get("message") or NOT_NUMERIC)
    return None


def _complaint(payload: Mapping[str, Any]) -> str | None:
    """The first message of the page's list that applies, in the page's order."""
    if not payload.get("type"):
        return TYPE_REQUIRED
    if payload["type"] not in tuple(ACTION_OF_TYPE):
        return TYPE_INVALID
    recipients = payload.get("recipients")
    if not isinstance(recipients, list) or not recipients:
        return RECIPIENTS_REQUIRED
    complaints = (_row_complaint(row) for row in recipients)
    return next((complaint for complaint in complaints if complaint), None)


def _row_complaint(row: object) -> str | None:
    if not isinstance(row, dict):
        return NOT_NUMERIC
    return _source_complaint(row.get("source")) or _number_complaint(row) or _ip_complaint(row)


def _source_complaint(source: object) -> str | None:
    if not isinstance(source, str) or not source.strip():
        return SOURCE_EMPTY
    return SOURCE_TOO_LONG if len(source) > 25 else None


def _number_complaint(row: Mapping[str, Any]) -> str | None:
    number = _number(row)
    if not is_digits(number):
        return NOT_NUMERIC
    if len(number) < 10:
        return TOO_SHORT
    return TOO_LONG if len(number) > 15 else None


def _ip_complaint(row: Mapping[str, Any]) -> str | None:
    ip = row.get("ip")
    if ip is None:
        return None
    try:
        ipaddress.ip_address(ip if isinstance(ip, str) else "")
    except ValueError:
        return IP_INVALID
    return None


def _number(row: Mapping[str, Any]) -> str:
    """The table calls it a long, the example sends text: both are taken."""
    value = row.get("recipient")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**30 else ""
    return value if isinstance(value, str) else ""


def _all_held(call: Call, holdings: Holdings) -> bool:
    return all(holdings.state_of(PEPIPOST, number) == OPTED_IN for number in call.numbers)


def _success(call: Call, rule: Rule | None) -> Answer:
    changed = rule is not None and rule.fault == "changed_success_text"
    text = rule.get("message") if rule and changed else SUCCESS[call.action]
    return json_answer(200, {"status": "success", "message": text})


def _failure(code: str, message: str, status: int = 200) -> Answer:
    return json_answer(status, {"status": "failure", "error": {"code": code, "message": message}})

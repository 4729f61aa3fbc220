"""Pepipost's consent dialect: what is sent, its limits, and what each answer means.

Sources, named where they are used: "page" is Pepipost's page on managing opt-in and opt-out,
"error page" its list of error codes (both about 2020), "clients" are public programs that have
called it in production, "inferred" is our own conclusion.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from providers.contract import Change, Fault, Kind, Outcome, Result
from providers.exchange import account_error, fault_of, unreadable
from providers.http import Answer

# The slash at the end is the page's; without it a redirect would be ours to follow.
PATH = "/api/v2/consent/manage/"
TYPES = {Kind.OPT_IN: "optin", Kind.OPT_OUT: "optout"}

RECIPIENT_MIN = 10
RECIPIENT_MAX = 15
SOURCE_MAX = 25

VALIDATION = "8006"
STORE = "8005"


class Refusal(StrEnum):
    """The provider's own messages for code 8006, in the order in which a request is checked.

    The messages are the page's, the order is inferred: the page lists them so.
    """

    PARAMETER_MISSING = "Required parameter is missing"
    TYPE_REQUIRED = "type is required."
    TYPE_INVALID = "type is invalid. type must be optin/optout."
    RECIPIENTS_REQUIRED = "recipients is required."
    SOURCE_EMPTY = "source cannot be empty."
    SOURCE_TOO_LONG = "source value cannot be greater than 25 characters."
    RECIPIENT_NOT_NUMERIC = "Invalid recipient. Only numeric values allowed."
    RECIPIENT_TOO_SHORT = "recipient value cannot be less than 10 digits."
    RECIPIENT_TOO_LONG = "recipient value cannot be greater than 15 digits."


ADDED = "Optin successfully added."
# The page says that failures have a body and not which status. Clients read that body after calls
# that raise on anything but 2xx, so it comes with 200.
FAILURE_STATUS = 200
# What is answered to an opt-out is written nowhere: the twin of the page's sentence (inferred).
SUCCESSES = {Kind.OPT_IN: ADDED, Kind.OPT_OUT: "Optout successfully added."}
# The page demands a valid ip and names no message, and no limit to the list (both inferred).
IP_INVALID = "ip is invalid."
TOO_MANY_RECIPIENTS = "recipients has too many entries."
ALREADY_FOUND = "Optin already found for provided mobilenumber"
STORE_FAILED = "Error occurred while updating optin for mobilenumber"


class Row(NamedTuple):
    """One known failure. `text` must fit the whole message; `kind` None stands for both."""

    code: str
    text: re.Pattern[str]
    kind: Kind | None
    result: Result
    source: str


def _row(code: str, text: str, kind: Kind | None, result: Result, source: str) -> Row:
    return Row(code, re.compile(text, re.IGNORECASE), kind, result, source)


# Whatever is not here is tried again. A wrong guess at "the opt-out is in place" would leave a
# person on a list, so the inferred rows name the opt-out or the opt-in in the provider's manner.
FAILURES = (
    _row(VALIDATION, r"(?s:.*)", None, Result.REJECTED, "page: every 8006 is about the request"),
    _row(
        STORE,
        r"optin already found for provided mobile ?number\.?",
        Kind.OPT_IN,
        Result.SUCCEEDED,
        "error page; clients count it as done",
    ),
    _row(
        STORE,
        r"error occurred while updating opt(in|out) for mobile ?number\.?",
        None,
        Result.RETRY,
        "error page; that waiting helps is inferred",
    ),
    _row(
        STORE,
        r"(opt-?out already found|already opted-? ?out)( for provided mobile ?number)?\.?",
        Kind.OPT_OUT,
        Result.SUCCEEDED,
        "inferred: the opt-out's twin of the documented sentence",
    ),
    _row(
        STORE,
        r"(opt-?in not found|not opted-? ?in)( for provided mobile ?number)?\.?",
        Kind.OPT_OUT,
        Result.SUCCEEDED,
        "inferred: no opt-in is held, which is what was asked",
    ),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """The provider's reason, from any of its error shapes; `code` may be empty."""

    code: str
    text: str


def refusal_of_recipient(recipient: str, source: str) -> Refusal | None:
    """What the provider would find wrong with one recipient, so that it need not be asked."""
    if not source:
        return Refusal.SOURCE_EMPTY
    if len(source) > SOURCE_MAX:
        return Refusal.SOURCE_TOO_LONG
    if not (recipient.isascii() and recipient.isdigit()):
        return Refusal.RECIPIENT_NOT_NUMERIC
    if len(recipient) < RECIPIENT_MIN:
        return Refusal.RECIPIENT_TOO_SHORT
    if len(recipient) > RECIPIENT_MAX:
        return Refusal.RECIPIENT_TOO_LONG
    return None


def request_body(change: Change, source: str) -> dict[str, Any]:
    """One recipient a call: the answer does not say which of several failed."""
    recipient = {"recipient": change.identity, "source": source}
    if change.user_agent:
        recipient["user_agent"] = change.user_agent
    if is_ip(change.ip or ""):
        recipient["ip"] = str(change.ip)
    return {"type": TYPES[change.kind], "recipients": [recipient]}


def is_ip(text: str) -> bool:
    """Whether the provider would take `text` as an ip; a zone (`fe80::1%eth0`) is ours alone."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def judge(kind: Kind, answer: Answer) -> Outcome:
    """What one answer means for the change it answers. Raises AccountError for the account's.

    The body is looked at on every status, because failures come with 200 (clients). A known
    failure counts whatever the status; "success" only with a 2xx.
    """
    document = answer.document()
    failure = failure_of(document)
    if row := _known(kind, failure):
        return Outcome(row.result, failure.code, failure.text)
    status = status_of(answer, document)
    if fault := fault_of(status):
        raise account_error(fault, answer, failure.text, status=status)
    if status in {404, 405, 410}:
        # No source says the consent call was ever withdrawn: the base URL is at fault, and the
        # rows had better wait for its correction than fail.
        raise account_error(Fault.UNAVAILABLE, answer, f"Nothing answers at {PATH} there.")
    if status < 400 and is_success(document):
        return Outcome(Result.SUCCEEDED)
    if status < 400 and not is_failure(document):
        raise unreadable(answer)
    return Outcome(Result.RETRY, failure.code or str(status), failure.text)


def status_of(answer: Answer, document: dict[str, Any] | None) -> int:
    """The gateway may send `status` as a number of its own within a 200 (a client's types)."""
    inner = (document or {}).get("status")
    if answer.is_success and type(inner) is int and 400 <= inner <= 599:
        return inner
    return answer.status


def is_success(document: dict[str, Any] | None) -> bool:
    """By the word alone: the message changes with the call and is documented for opt-ins only."""
    return str((document or {}).get("status")).strip().lower() == "success"


def is_failure(document: dict[str, Any] | None) -> bool:
    document = document or {}
    return str(document.get("status")).strip().lower() == "failure" or "error" in document


def failure_of(document: dict[str, Any] | None) -> Failure:
    """Read `{"error": {"code", "message"}}` and the gateway's `{"error": "…", "message": "…"}`.

    The page's own sample message begins with a blank.
    """
    document = document or {}
    error = document.get("error")
    if isinstance(error, dict):
        return Failure(_text(error.get("code")), _text(error.get("message")))
    if is_success(document):
        return Failure("", "")
    return Failure("", _text(document.get("message")) or _text(error))


def _known(kind: Kind, failure: Failure) -> Row | None:
    candidates = (row for row in FAILURES if row.code == failure.code and row.kind in {None, kind})
    return next((row for row in candidates if row.text.fullmatch(failure.text)), None)


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int) else ""

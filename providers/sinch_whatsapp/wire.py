"""Sinch WhatsApp's provisioning dialect: lists of numbers in, sometimes lists of failures out.

Sources, named where they are used: "page" is Sinch's opt-in page (2019 to 2022), "introduction"
its page on authentication and errors, "specification" its OpenAPI file, "client" a public
program that reads the newer answer, "inferred" our own conclusion.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from providers.contract import Account, Change, Kind, Outcome, Result
from providers.exchange import account_error, fault_of, same_for_all, unreadable
from providers.http import Answer

NUMBERS_MIN = 1
NUMBERS_MAX = 20
MSISDN_MIN = 7
MSISDN_MAX = 15

OPTED_IN = "optInNumbers"
FAILED = "failedToOptInNumbers"
# How a failed opt-out would be called is written nowhere; anything of this form is read.
FAILED_KEY = re.compile(r"failed\w*numbers", re.IGNORECASE)

NO_MSISDN = "The number must have 7 to 15 digits."
GONE = "This endpoint is not there: the bot id is wrong, or Sinch has withdrawn it."

OptOutMethod = Literal["delete", "post"]


class Row(NamedTuple):
    """What a status means for a number that stands alone in its call."""

    result: Result
    source: str


# A 401 is also the answer of the wrong region. A 500 is how the sister endpoint says "too many
# requests" (its page), but may be a crash as well: it stays "unavailable", whose pause is the
# same and which claims nothing about whether the numbers arrived.
STATUSES = {
    400: Row(Result.REJECTED, "page: there was an error with the request"),
    404: Row(Result.WITHDRAWN, "inferred: support ended in September 2023"),
    405: Row(Result.WITHDRAWN, "inferred: POST optout was removed in January 2022"),
    410: Row(Result.WITHDRAWN, "inferred: the word of HTTP for it"),
    422: Row(Result.REJECTED, "inferred: HTTP's other word for 400"),
}


@dataclass(frozen=True, slots=True)
class Reason:
    """The provider's own words; both may be empty."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One number the provider did not take, digits only, and why."""

    msisdn: str
    text: str


def endpoint(account: Account, kind: Kind, opt_out_method: OptOutMethod) -> tuple[str, str]:
    """Method and URL. DELETE is the younger opt-out and the only one since January 2022."""
    bot = quote(account.external_id, safe="")
    provision = f"{account.base_url.rstrip('/')}/whatsapp/v1/{bot}/provision"
    if kind is Kind.OPT_IN:
        return "POST", f"{provision}/optin"
    if opt_out_method == "delete":
        return "DELETE", f"{provision}/optin"
    return "POST", f"{provision}/optout"


def body_of(changes: Sequence[Change]) -> dict[str, list[str]]:
    """Each number once: what a double in one call does is not documented."""
    return {"numbers": list(dict.fromkeys(change.identity for change in changes))}


def is_msisdn(identity: str) -> bool:
    digits = identity.isascii() and identity.isdigit()
    return digits and MSISDN_MIN <= len(identity) <= MSISDN_MAX


def is_gone(answer: Answer) -> bool:
    row = STATUSES.get(answer.status)
    return row is not None and row.result is Result.WITHDRAWN


def judge(changes: Sequence[Change], answer: Answer) -> dict[str, Outcome]:
    """What one answer means for each change in it. Raises AccountError for the account's."""
    reason = reason_of(answer.document())
    if row := STATUSES.get(answer.status):
        text = f"{GONE} {reason.text}".strip() if is_gone(answer) else reason.text
        return _refused(changes, row.result, Outcome(row.result, _code(answer, reason), text))
    if fault := fault_of(answer.status):
        raise account_error(fault, answer, reason.text, code=reason.code)
    if answer.status >= 400:
        outcome = Outcome(Result.RETRY, _code(answer, reason), reason.text)
        return _refused(changes, Result.RETRY, outcome)
    return _taken(changes, answer)


def _refused(changes: Sequence[Change], result: Result, outcome: Outcome) -> dict[str, Outcome]:
    """One bad number spoils the call (page: one error for the whole request)."""
    if result is not Result.WITHDRAWN and len({change.identity for change in changes}) > 1:
        outcome = Outcome(Result.REFUSED, outcome.code, outcome.text)
    return same_for_all(changes, outcome)


def _taken(changes: Sequence[Change], answer: Answer) -> dict[str, Outcome]:
    """A 2xx: an empty body means all (page); from August 2021 a body names the failures."""
    if not answer.body.strip():
        return same_for_all(changes, Outcome(Result.SUCCEEDED))
    document = answer.document()
    if document is None or _is_error(document):
        raise unreadable(answer)
    failures = {failure.msisdn: failure for failure in failures_in(document)}
    strangers = failures.keys() - {change.identity for change in changes}
    taken = set(opted_in(document))
    return {
        change.id: _outcome(change.identity, failures, taken, has_strangers=bool(strangers))
        for change in changes
    }


def _outcome(
    number: str, failures: dict[str, Failure], taken: set[str], *, has_strangers: bool
) -> Outcome:
    if failure := failures.get(number):
        return Outcome(Result.REJECTED, FAILED, failure.text)
    if number not in taken and has_strangers:
        # WhatsApp rewrites some numbers; the failure of a stranger may be this one's.
        return Outcome(Result.RETRY, FAILED, "A number failed that was not in the call.")
    return Outcome(Result.SUCCEEDED)


def failures_in(document: dict[str, Any]) -> Iterator[Failure]:
    """`{"failedToOptInNumbers": [{"msisdn", "rejectionReason"}]}` (page of 2022; client)."""
    for key, entries in document.items():
        if FAILED_KEY.fullmatch(key):
            for entry in _entries(entries):
                yield Failure(_digits(entry.get("msisdn")), str(entry.get("rejectionReason") or ""))


def opted_in(document: dict[str, Any]) -> Iterator[str]:
    """`{"optInNumbers": [{"msisdn", "waId"}]}`; `waId` is WhatsApp's spelling of the number."""
    for entry in _entries(document.get(OPTED_IN)):
        yield _digits(entry.get("msisdn"))


def reason_of(document: dict[str, Any] | None) -> Reason:
    """Short text `message` or `title`, long text `details` or `reason`, none of them certain.

    Introduction: message and details. Specification: message and reason in its samples, title
    and reason in its schema.
    """
    document = document or {}
    short = _first_text(document, ("message", "title"))
    return Reason(short, _first_text(document, ("details", "reason")) or short)


def _is_error(document: dict[str, Any]) -> bool:
    """An error's words under a 200: whoever wrote that did not say "done"."""
    has_lists = any(key == OPTED_IN or FAILED_KEY.fullmatch(key) for key in document)
    return not has_lists and bool(reason_of(document).text)


def _entries(value: object) -> Iterable[dict[str, Any]]:
    """Objects; a bare number is read as one."""
    for entry in value if isinstance(value, list) else []:
        yield entry if isinstance(entry, dict) else {"msisdn": entry}


def _digits(value: object) -> str:
    return re.sub(r"[^0-9]", "", str(value))


def _first_text(document: dict[str, Any], names: Iterable[str]) -> str:
    texts = (document.get(name) for name in names)
    return next((str(text).strip() for text in texts if isinstance(text, str | int) and text), "")


def _code(answer: Answer, reason: Reason) -> str:
    return reason.code or str(answer.status)

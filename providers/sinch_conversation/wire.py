"""Sinch Conversation's dialect: registering opt-ins and opt-outs, and what each answer means.

Sources, named where they are used: "page" is Sinch's opt-in page and the specification of 2021,
"specification" that of October 2026, "SDK" Sinch's Python SDK of 2026, "authentication page"
Sinch's text on OAuth2, "inferred" our own conclusion.
"""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from providers.contract import Account, Change, Fault, Kind, Outcome, Result
from providers.exchange import account_error, fault_of, unreadable
from providers.http import Answer

TOKEN_URL = "https://auth.sinch.com/oauth2/token"  # noqa: S105 (an address, no secret)
DEFAULT_CHANNELS = ("WHATSAPP",)

# Our channel -> Sinch's word for it (specification). Sinch has no e-mail.
CHANNELS = {
    "WHATSAPP": "WHATSAPP",
    "SMS": "SMS",
    "RCS": "RCS",
    "MMS": "MMS",
    "VIBER": "VIBERBM",
    "MESSENGER": "MESSENGER",
    "INSTAGRAM": "INSTAGRAM",
    "TELEGRAM": "TELEGRAM",
    "LINE": "LINE",
    "WECHAT": "WECHAT",
    "KAKAOTALK": "KAKAOTALK",
    "APPLEBC": "APPLEBC",
}

# The colon is part of the path and stays as it is (page).
COLLECTIONS = {Kind.OPT_IN: "optins:register", Kind.OPT_OUT: "optouts:register"}
WRAPPERS = {Kind.OPT_IN: "opt_in", Kind.OPT_OUT: "opt_out"}

# An app id of another form is refused with 400 (specification).
APP_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", re.IGNORECASE | re.ASCII)

# The region stands before it: eu.conversation.api.sinch.com.
_BATCH_HOST = re.compile(r"^(https://[a-z0-9-]+\.)conversation\.(?=api\.sinch\.com)")

NO_OPT_INS = (
    "Sinch no longer takes registrations of this account, and has no other way to opt in: "
    "the record here is the only one."
)

WITHDRAWN = (
    "Nothing is registered at this address: the app, the project or the region is wrong, "
    "or Sinch has withdrawn the registering of opt-ins and opt-outs."
)


class Row(NamedTuple):
    """What a status means for the one change of the call."""

    result: Result
    source: str


# Branch on the status, never on the words: the words differ between Sinch's own texts.
# What stands neither here nor among the faults every account may have is tried again.
STATUSES = {
    400: Row(Result.REJECTED, "specification: malformed, or a field is missing or badly formed"),
    404: Row(Result.WITHDRAWN, "specification: no such app, region or endpoint"),
    405: Row(Result.WITHDRAWN, "inferred: the path is there, registering is not"),
    410: Row(Result.WITHDRAWN, "inferred: the word of HTTP for it"),
    422: Row(Result.REJECTED, "inferred: HTTP's other word for 400"),
    # The specification counts 501 among those to be repeated, but for all endpoints alike.
    501: Row(Result.WITHDRAWN, "inferred: not implemented, on an endpoint known to be going"),
}


class Reason(NamedTuple):
    """The provider's own words; both may be empty."""

    code: str
    text: str


def register_url(account: Account, change: Change) -> str:
    """`request_id` is no protection against repeats, but comes back in the callback (page)."""
    project = quote(account.credentials["project_id"], safe="")
    base = account.base_url.rstrip("/")
    query = urlencode({"request_id": change.request_id})
    return f"{base}/v1/projects/{project}/{COLLECTIONS[change.kind]}?{query}"


def register_body(account: Account, change: Change) -> dict[str, Any]:
    channel = CHANNELS[change.channel]
    identity = {"channel": channel, "identity": change.identity}
    return {
        "app_id": account.external_id,
        "channels": [channel],
        "recipient": {"identified_by": {"channel_identities": [identity]}},
    }


def basic(account: Account) -> str:
    """The key as HTTP Basic: for the token endpoint, and for tests on the API itself."""
    pair = f"{account.credentials['key_id']}:{account.credentials['key_secret']}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def auth(account: Account) -> str:
    return str(account.settings.get("auth", "oauth2")).strip().lower()


def is_expired(answer: Answer) -> bool:
    """Whether a 401 speaks of the token's age, not of a wrong credential (SDK)."""
    return answer.status == 401 and "expired" in answer.headers.get("www-authenticate", "").lower()


def judge(kind: Kind, answer: Answer, *, awaits_result: bool) -> Outcome:
    """What one answer means for the change it answers. Raises AccountError for the account's.

    200 means taken, not done; the result comes by callback (page). A 200 must carry the echo:
    both its keys were always there (an SDK read them without a default), so anything else was
    not written by Sinch.
    """
    document = answer.document()
    reason = reason_of(document)
    status = status_of(answer, document)
    if row := STATUSES.get(status):
        text = f"{WITHDRAWN} {reason.text}" if row.result is Result.WITHDRAWN else reason.text
        return Outcome(row.result, reason.code or str(status), text.strip())
    if fault := fault_of(status):
        raise account_error(fault, answer, reason.text, code=reason.code, status=status)
    if status >= 400:
        return Outcome(Result.RETRY, reason.code or str(status), reason.text)
    if document is None or not document.keys() & {WRAPPERS[kind], "request_id"}:
        raise unreadable(answer)
    return Outcome(Result.ACCEPTED if awaits_result else Result.SUCCEEDED)


def batch_url(account: Account) -> str:
    """Where opt-outs are put on the list: a host of its own beside each region's."""
    base = str(account.settings.get("batch_base_url") or account.base_url).rstrip("/")
    project = quote(account.credentials["project_id"], safe="")
    host = _BATCH_HOST.sub(r"\1conversationbatch.", base)
    return f"{host}/v1/projects/{project}/consents"


def batch_body(account: Account, change: Change) -> dict[str, Any]:
    record = {"identification": change.identity, "consent_type": "OPT_OUT_ALL"}
    return {"app_id": account.external_id, "consent_records": [record]}


def judge_batch(answer: Answer) -> Outcome:
    """What the Batch API's answer means (its page of consents). Raises AccountError.

    There is nothing to fall back upon, so nothing is ever withdrawn here: an opt-out goes on.
    """
    document = answer.document()
    reason = reason_of(document)
    status = status_of(answer, document)
    if status in {400, 422}:
        return Outcome(Result.REJECTED, reason.code or str(status), reason.text)
    if fault := fault_of(status):
        raise account_error(fault, answer, reason.text, code=reason.code, status=status)
    if status >= 400:
        return Outcome(Result.RETRY, reason.code or str(status), reason.text)
    if document is None or "batch_id" not in document:
        raise unreadable(answer)
    return Outcome(Result.SUCCEEDED)


def status_of(answer: Answer, document: dict[str, Any] | None) -> int:
    """The status of HTTP, or of an error that came within a 200."""
    inner = _error_in(document).get("code")
    if answer.is_success and type(inner) is int and 400 <= inner <= 599:
        return inner
    return answer.status


def reason_of(document: dict[str, Any] | None) -> Reason:
    """Read an error, nested (specification's text), flat (its examples) or OAuth's own shape.

    The oldest schema was flat with a string `error` beside; the token endpoint answers
    `{"error": "invalid_client", "error_description": "…"}`.
    """
    error = _error_in(document)
    word = error.get("error") if isinstance(error.get("error"), str) else ""
    code = error.get("status") if isinstance(error.get("status"), str) else ""
    number = error.get("code")
    text = error.get("message") or error.get("error_description") or word
    return Reason(
        str(code or word or (number if type(number) is int else "")),
        text if isinstance(text, str) else "",
    )


def token_in(answer: Answer) -> tuple[str, float]:
    """The access token and the seconds it lives. Raises AccountError.

    Nothing has been told to the API yet, whatever went wrong here.
    """
    document = answer.document() or {}
    token = document.get("access_token")
    if not answer.is_success:
        raise _token_error(answer, document)
    if not (isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token)):
        error = unreadable(answer)
        error.may_have_arrived = False
        raise error
    return token, _lifetime(document.get("expires_in"))


def _token_error(answer: Answer, document: dict[str, Any]) -> Exception:
    reason = reason_of(document)
    # OAuth2 says 400 for most that is wrong with a client (RFC 6749 5.2).
    fault = fault_of(answer.status) or Fault.CREDENTIALS
    error = account_error(fault, answer, reason.text, code=reason.code)
    error.may_have_arrived = False
    return error


def _lifetime(seconds: object) -> float:
    """Sinch says "typically one hour"; where it does not say, a short life is assumed."""
    try:
        lifetime = float(str(seconds))
    except ValueError:
        return 300.0
    return lifetime if 0 < lifetime <= 86_400 else 300.0


def _error_in(document: dict[str, Any] | None) -> dict[str, Any]:
    document = document or {}
    nested = document.get("error")
    return nested if isinstance(nested, dict) else document

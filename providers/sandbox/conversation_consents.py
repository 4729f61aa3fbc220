"""Sinch Conversation's lists of opted-out identities: the Consents API and the Batch API.

OPT_OUT_ALL is what the registration keeps too; the two other lists are books of their own.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from .accounts import SinchConversationAccount
from .conversation_registration import complain_of_app, new_id
from .error_bodies import error_answer
from .exchange import (
    OPTED_OUT,
    SINCH_CONVERSATION,
    Answer,
    Call,
    Change,
    Request,
    Verdict,
    is_digits,
    json_answer,
)
from .state import Holdings

HOLDER_OF_LIST = {
    "OPT_OUT_ALL": SINCH_CONVERSATION,
    "OPT_OUT_MARKETING": "sinch_conversation OPT_OUT_MARKETING",
    "OPT_OUT_NOTIFICATION": "sinch_conversation OPT_OUT_NOTIFICATION",
}
READ_PATH = re.compile(r"apps/(?P<app>[^/]+)/consents/(?P<what>[^/]+)(?:/(?P<identity>[^/]+))?")
USUAL_PAGE = 10
LARGEST_PAGE = 50


def numbers_in(payload: Mapping[str, Any]) -> tuple[str, ...]:
    found = (record.get("identification") for record in _records(payload))
    return tuple(identity for identity in found if isinstance(identity, str))


def answer_batch(request: Request, account: SinchConversationAccount) -> Verdict:
    """Put identities on opt-out lists; this API's errors are flat."""
    payload = request.payload or {}
    records = _records(payload)
    if complaint := complain_of_app(payload.get("app_id")) or _records_complaint(records):
        return Verdict(_flat_error(400, complaint))
    if payload["app_id"] != account.app:
        return Verdict(_flat_error(404, "App not found"))
    changes = [
        Change(HOLDER_OF_LIST[record["consent_type"]], record["identification"], OPTED_OUT)
        for record in records
    ]
    return Verdict(json_answer(200, {"batch_id": new_id()}), tuple(changes))


def _records(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    records = payload.get("consent_records")
    found = records if isinstance(records, list) else []
    return [record for record in found if isinstance(record, dict)]


def _records_complaint(records: list[dict[str, Any]]) -> str | None:
    if not records:
        return "Field consent_records is required"
    if not all(is_digits(record.get("identification")) for record in records):
        return "Field identification is invalid"
    if not all(str(record.get("consent_type")) in HOLDER_OF_LIST for record in records):
        return "Field consent_type is invalid"
    return None


def _flat_error(status: int, text: str) -> Answer:
    return error_answer(SINCH_CONVERSATION, status, text, shape="flat")


def answer_read(
    request: Request, call: Call, account: SinchConversationAccount, holdings: Holdings
) -> Answer:
    match = READ_PATH.fullmatch(call.endpoint)
    if match is None or match["app"] != account.app:
        return error_answer(SINCH_CONVERSATION, 404)
    if match["what"] == "identities" and match["identity"]:
        return _audit(match["identity"], account, holdings)
    if match["what"] not in HOLDER_OF_LIST or match["identity"]:
        return error_answer(SINCH_CONVERSATION, 404)
    return _page(request.query, holdings.numbers_in(HOLDER_OF_LIST[match["what"]], OPTED_OUT))


def _page(query: Mapping[str, str], identities: list[str]) -> Answer:
    try:
        size = int(query.get("page_size", USUAL_PAGE))
        start = _read_page_token(query.get("page_token", ""))
    except ValueError:
        return error_answer(SINCH_CONVERSATION, 400, "Invalid page_size or page_token")
    if not 1 <= size <= LARGEST_PAGE:
        return error_answer(SINCH_CONVERSATION, 400, f"page_size must be 1 to {LARGEST_PAGE}")
    page = [identity for identity in identities if identity > start][:size]
    is_last = not page or page[-1] == identities[-1]
    token = "" if is_last else base64.urlsafe_b64encode(page[-1].encode()).decode()
    content = {"identities": [{"identity": i} for i in page], "next_page_token": token}
    return json_answer(200, content)


def _read_page_token(token: str) -> str:
    """The identity after which the page starts, so that a list that grows skips nobody."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("unreadable page token") from error


def _audit(identity: str, account: SinchConversationAccount, holdings: Holdings) -> Answer:
    records = [
        {
            "origin": "ORIGIN_API",
            "operation": "OPERATION_INSERT" if step.state == OPTED_OUT else "OPERATION_DELETE",
            "list_type": name,
            "project_id": account.project,
            "app_id": account.app,
            "datetime": step.at.replace("+00:00", "Z"),
        }
        for name, holder in HOLDER_OF_LIST.items()
        for step in holdings.steps(holder, identity)
    ]
    if not records:
        return error_answer(SINCH_CONVERSATION, 404, "Identity not found")
    return json_answer(200, {"identity": {"identity": identity}, "audit_records": records})

"""Sinch Conversation: which of its endpoints a request is for, and who may call it."""

import re
import time

from . import conversation_consents, conversation_registration
from .accounts import SinchConversationAccount
from .conversation_tokens import EXPIRED, UNKNOWN, VALID, answer_token_request, check
from .error_bodies import error_answer
from .exchange import (
    OPT_IN,
    OPT_OUT,
    READ,
    SINCH_CONVERSATION,
    TOKEN,
    UNREADABLE,
    Answer,
    Call,
    Request,
    Verdict,
)
from .faults import Rule
from .state import Holdings

TOKEN_PATH = "/oauth2/token"  # noqa: S105 a path, not a secret
PROJECT_PATH = re.compile(r"/v1/projects/(?P<project>[^/]+)/(?P<endpoint>.+)")
ACTIONS = {
    ("POST", "optins:register"): OPT_IN,
    ("POST", "optouts:register"): OPT_OUT,
    ("POST", "consents"): OPT_OUT,
}
CONSENTS_READ = re.compile(r"apps/[^/]+/consents/.+")


def is_mine(path: str) -> bool:
    return path == TOKEN_PATH or PROJECT_PATH.fullmatch(path) is not None


def read(request: Request) -> Call:
    if request.path == TOKEN_PATH:
        return Call(SINCH_CONVERSATION, TOKEN, TOKEN_PATH)
    match = PROJECT_PATH.fullmatch(request.path)
    endpoint = match["endpoint"] if match else ""
    if request.method == "GET" and CONSENTS_READ.fullmatch(endpoint):
        return Call(SINCH_CONVERSATION, READ, endpoint)
    action = ACTIONS.get((request.method, endpoint), UNREADABLE)
    payload = request.payload or {}
    if endpoint == "consents":
        numbers = conversation_consents.numbers_in(payload)
        return Call(SINCH_CONVERSATION, action, endpoint, numbers)
    numbers = conversation_registration.numbers_in(payload)
    request_id = request.query.get("request_id") or conversation_registration.new_id()
    return Call(SINCH_CONVERSATION, action, endpoint, numbers, request_id)


def answer(
    request: Request,
    call: Call,
    account: SinchConversationAccount,
    holdings: Holdings,
    rule: Rule | None,
) -> Verdict:
    """What Sinch answers, and what it then holds; `rule` is a fault of its own, if one struck."""
    if call.action == TOKEN:
        return Verdict(_answer_token(request, account, rule))
    if refusal := _turn_away(request, account) or _fault_answer(rule):
        return Verdict(refusal)
    if call.action == READ:
        return Verdict(conversation_consents.answer_read(request, call, account, holdings))
    if call.action == UNREADABLE:
        return Verdict(error_answer(SINCH_CONVERSATION, 404))
    if call.endpoint == "consents":
        return conversation_consents.answer_batch(request, account)
    return conversation_registration.answer(request, call, account)


def _answer_token(request: Request, account: SinchConversationAccount, rule: Rule | None) -> Answer:
    if request.method != "POST":
        return error_answer(SINCH_CONVERSATION, 405)
    return answer_token_request(request, account, rule, time.time())


def _turn_away(request: Request, account: SinchConversationAccount) -> Answer | None:
    standing = _credentials(request, account)
    if standing == EXPIRED:
        return expired_answer()
    if standing != VALID:
        return error_answer(SINCH_CONVERSATION, 401, "Request had invalid credentials")
    match = PROJECT_PATH.fullmatch(request.path)
    if match is None or match["project"] != account.project:
        return error_answer(SINCH_CONVERSATION, 404, "Project not found")
    return None


def _credentials(request: Request, account: SinchConversationAccount) -> str:
    """HTTP Basic is accepted on the API as well, for tests."""
    if request.basic is not None:
        return VALID if request.basic == (account.key_id, account.key_secret) else UNKNOWN
    return check(request.bearer or "", account, time.time())


def expired_answer() -> Answer:
    """Sinch's own SDK fetches a new token only when it finds the word "expired" in the header."""
    plain = error_answer(SINCH_CONVERSATION, 401, "The access token expired")
    challenge = 'Bearer error="invalid_token", error_description="token expired"'
    return Answer(401, plain.body, headers=(("WWW-Authenticate", challenge),))


def _fault_answer(rule: Rule | None) -> Answer | None:
    if rule is None:
        return None
    if rule.fault == "expired_token":
        return expired_answer()
    if rule.fault == "wrong_region":
        return error_answer(SINCH_CONVERSATION, 404, "App not found")
    if rule.fault == "withdrawn":
        return error_answer(SINCH_CONVERSATION, rule.get("status"), "Endpoint does not exist")
    if rule.fault == "bad_numbers":
        text = rule.get("message") or "Invalid channel identity"
        return error_answer(SINCH_CONVERSATION, 400, text)
    return None

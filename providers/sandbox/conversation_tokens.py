"""Access tokens of the fake Sinch Conversation account.

A token carries its own times and a signature, so a sandbox that was restarted still knows the
tokens it gave out before.
"""

import hashlib
import hmac
import secrets
from urllib.parse import parse_qs

from .accounts import SinchConversationAccount
from .exchange import Answer, Request, json_answer
from .faults import Rule

TOKEN_LIFE = 3599
VALID = "valid"
EXPIRED = "expired"
UNKNOWN = "unknown"


def issue(account: SinchConversationAccount, now: float, life: int) -> str:
    """A token that ends `life` seconds after `now` (Unix seconds)."""
    claims = f"{_micros(now)}-{_micros(now + life)}-{secrets.token_hex(8)}"
    return f"{claims}.{_signature(account, claims)}"


def check(token: str, account: SinchConversationAccount, now: float) -> str:
    """VALID, EXPIRED or UNKNOWN."""
    claims, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(account, claims).encode()):
        return UNKNOWN
    issued, ends, _ = claims.split("-")
    is_over = _micros(now) >= int(ends)
    is_withdrawn = int(issued) < _micros(account.tokens_valid_from)
    return EXPIRED if is_over or is_withdrawn else VALID


def answer_token_request(
    request: Request, account: SinchConversationAccount, rule: Rule | None, now: float
) -> Answer:
    """RFC 6749 client credentials: HTTP Basic and a form body."""
    is_known = request.basic == (account.key_id, account.key_secret)
    if not is_known or (rule is not None and rule.fault == "invalid_client"):
        return _oauth_error(401, "invalid_client", "Client authentication failed")
    form = parse_qs(request.body.decode("latin-1"))
    if form.get("grant_type") != ["client_credentials"]:
        return _oauth_error(400, "unsupported_grant_type", "The grant type is not supported")
    life = rule.get("expires_in") if rule and rule.fault == "short_token" else TOKEN_LIFE
    return json_answer(
        200,
        {
            "access_token": issue(account, now, life),
            "expires_in": life,
            "scope": "",
            "token_type": "bearer",
        },
    )


def _oauth_error(status: int, error: str, description: str) -> Answer:
    """The OAuth shape, not the API's own."""
    return json_answer(
        status,
        {
            "error": error,
            "error_description": description,
            "error_verbose": description,
            "status_code": status,
        },
    )


def _micros(seconds: float) -> int:
    return int(seconds * 1_000_000)


def _signature(account: SinchConversationAccount, claims: str) -> str:
    key = f"{account.key_id}:{account.key_secret}".encode()
    return hmac.new(key, claims.encode(), hashlib.sha256).hexdigest()

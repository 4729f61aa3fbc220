"""Signatures on callbacks: two Sinch dialects, made and checked.

Both are HMAC-SHA256 over the raw body, which must therefore be taken before any parser touches it.
Every comparison takes constant time.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from providers.errors import InvalidSignatureError

CONVERSATION = "x-sinch-webhook-signature"
CONVERSATION_ALGORITHM = "HmacSHA256"
WHATSAPP = "sinch-whatsapp-callback-signature"
WHATSAPP_ALGORITHM = "HMAC_SHA_256"
# The window of Sinch's own 2023 Java SDK is two minutes; the documents name none.
TOLERANCE = timedelta(minutes=5)

Encoding = Literal["base64", "hex"]


def sign_conversation(secret: str, body: bytes, *, nonce: str, timestamp: int) -> dict[str, str]:
    """The four headers of a signed Conversation API callback (Sinch callbacks page, 2021).

    `timestamp` is Unix seconds. The secret is used as text, not base64-decoded.
    """
    digest = _digest(secret, body, nonce, str(timestamp))
    return {
        CONVERSATION: base64.b64encode(digest).decode(),
        f"{CONVERSATION}-algorithm": CONVERSATION_ALGORITHM,
        f"{CONVERSATION}-nonce": nonce,
        f"{CONVERSATION}-timestamp": str(timestamp),
    }


def verify_conversation(
    secret: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    now: datetime,
    tolerance: timedelta = TOLERANCE,
    former: Sequence[str] = (),
) -> str:
    """Check a Conversation API callback; the nonce is returned for whoever keeps repeats out.

    Raises InvalidSignatureError. `now` is aware; a timestamp further than `tolerance` from it in
    either direction is stale. `former`: other secrets that will do as well.
    """
    found = _Headers(CONVERSATION, headers)
    timestamp = found["timestamp"]
    found.require_algorithm(CONVERSATION_ALGORITHM)
    if not re.fullmatch(r"[0-9]{1,11}", timestamp):
        raise InvalidSignatureError("signature_timestamp", "The timestamp is not in Unix seconds.")
    digests = [_digest(one, body, found["nonce"], timestamp) for one in (secret, *former)]
    found.require_signature(*(base64.b64encode(digest).decode() for digest in digests))
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        raise InvalidSignatureError("signature_stale", "The callback was signed too long ago.")
    return found["nonce"]


def sign_whatsapp(
    key: str, body: bytes, *, nonce: str, encoding: Encoding = "base64"
) -> dict[str, str]:
    """The three headers of a signed Sinch WhatsApp callback (Sinch callback page, 2020).

    The page does not say how the signature is written; both encodings are in use here.
    """
    digest = _digest(key, body, nonce)
    return {
        WHATSAPP: digest.hex() if encoding == "hex" else base64.b64encode(digest).decode(),
        f"{WHATSAPP}-algorithm": WHATSAPP_ALGORITHM,
        f"{WHATSAPP}-nonce": nonce,
    }


def verify_whatsapp(
    key: str, body: bytes, headers: Mapping[str, str], *, former: Sequence[str] = ()
) -> str:
    """Check a Sinch WhatsApp callback, in hex or base64, and return its nonce.

    Raises InvalidSignatureError. There is no timestamp in this dialect, so nothing can be stale.
    `former`: other keys that will do as well.
    """
    found = _Headers(WHATSAPP, headers)
    found.require_algorithm(WHATSAPP_ALGORITHM)
    digests = [_digest(one, body, found["nonce"]) for one in (key, *former)]
    found.require_signature(*(text for digest in digests for text in _spellings(digest)))
    return found["nonce"]


class _Headers:
    """The headers of one signature, by the end of their names, whatever their case."""

    def __init__(self, prefix: str, headers: Mapping[str, str]) -> None:
        lowered = {name.lower(): value.strip() for name, value in headers.items()}
        self._prefix = prefix
        self._found = {name: value for name, value in lowered.items() if name.startswith(prefix)}

    def __getitem__(self, ending: str) -> str:
        value = self._found.get(f"{self._prefix}-{ending}" if ending else self._prefix)
        if not value:
            raise InvalidSignatureError("signature_missing", "A signature header is missing.")
        return value

    def require_algorithm(self, name: str) -> None:
        # A sender who may choose the algorithm may choose a weak one.
        if not equal(self["algorithm"], name):
            raise InvalidSignatureError("signature_algorithm", f"The algorithm must be {name}.")

    def require_signature(self, *spellings: str) -> None:
        signature = self[""]
        # All are compared, whichever matches, so that time tells nothing.
        matches = [equal(signature, spelling) for spelling in spellings]
        if not any(matches):
            raise InvalidSignatureError("signature_mismatch", "The signature does not fit.")


def _digest(secret: str, body: bytes, *parts: str) -> bytes:
    if not secret:
        # Anybody can sign with an empty key.
        raise ValueError("A signature needs a secret.")
    signed = b".".join([body, *(part.encode("utf-8", "replace") for part in parts)])
    return hmac.new(secret.encode(), signed, hashlib.sha256).digest()


def _spellings(digest: bytes) -> tuple[str, str, str]:
    return base64.b64encode(digest).decode(), digest.hex(), digest.hex().upper()


def equal(given: str, expected: str) -> bool:
    """Whether the texts are the same, in a time that does not tell how far they are."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())

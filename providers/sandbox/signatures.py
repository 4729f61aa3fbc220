"""How each provider signs what it posts to us.

Written out here rather than shared with the product, so that a test of one is a test of the other.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime

from .exchange import PEPIPOST, SINCH_CONVERSATION, SINCH_WHATSAPP

HEX = "hex"
BASE64 = "base64"
ENCODINGS = (HEX, BASE64)


def _encode(digest: bytes, encoding: str) -> str:
    return digest.hex() if encoding == HEX else base64.b64encode(digest).decode()


def sign_conversation(
    secret: str, body: bytes, nonce: str, now: datetime, encoding: str
) -> dict[str, str]:
    """Sinch Conversation callbacks: body.nonce.timestamp, base64 whatever `encoding` says."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((body, nonce.encode(), timestamp.encode()))
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return {
        "x-sinch-webhook-signature": _encode(digest, BASE64),
        "x-sinch-webhook-signature-algorithm": "HmacSHA256",
        "x-sinch-webhook-signature-nonce": nonce,
        "x-sinch-webhook-signature-timestamp": timestamp,
    }


def sign_whatsapp(
    secret: str, body: bytes, nonce: str, now: datetime, encoding: str
) -> dict[str, str]:
    """Sinch WhatsApp callbacks: body.nonce; the page does not say in which encoding."""
    digest = hmac.new(secret.encode(), body + b"." + nonce.encode(), hashlib.sha256).digest()
    return {
        "sinch-whatsapp-callback-signature": _encode(digest, encoding),
        "sinch-whatsapp-callback-signature-algorithm": "HMAC_SHA_256",
        "sinch-whatsapp-callback-signature-nonce": nonce,
    }


def sign_pepipost(
    secret: str, body: bytes, nonce: str, now: datetime, encoding: str
) -> dict[str, str]:
    """Pepipost signs nothing; a fixed header is set apart from this."""
    return {}


Signer = Callable[[str, bytes, str, datetime, str], dict[str, str]]

SIGNERS: dict[str, Signer] = {
    PEPIPOST: sign_pepipost,
    SINCH_CONVERSATION: sign_conversation,
    SINCH_WHATSAPP: sign_whatsapp,
}

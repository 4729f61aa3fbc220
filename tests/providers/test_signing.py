from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from providers.errors import InvalidSignatureError
from providers.signing import (
    sign_conversation,
    sign_whatsapp,
    verify_conversation,
    verify_whatsapp,
)

SECRET, NONCE, TIMESTAMP = "example-webhook-secret", "01HZNONCE00000000000000001", 1770113730
NOW = datetime.fromtimestamp(TIMESTAMP, UTC)
# One line, 407 bytes, and its signature were computed apart from this code.
BODY = (
    b'{"app_id":"01HZCONSENTAPP000000000001","accepted_time":"2026-02-03T10:15:30.123456Z",'
    b'"event_time":"2026-02-03T10:15:29.900Z","project_id":"7d2f1c1e-0b6c-4f5e-9a1d-3f2f5a6b7c8d",'
    b'"opt_out_notification":{"request_id":"01HZREQ0000000000000000001","contact_id":"",'
    b'"channel":"WHATSAPP","identity":"447700900123","status":"OPT_OUT_SUCCEEDED",'
    b'"processing_mode":"DISPATCH"},"message_metadata":"","correlation_id":""}'
)
SIGNATURE = "gpx0vffNeem8zTMNkztXgxbynBUbC5pOtir4shLDxj8="

KEY, WHATSAPP_NONCE = "example-hmac-key", "4f1c2d"
WHATSAPP_BODY = (
    b'{"type":"whatsapp","contacts":[{"profile":{"name":"Asha"},"wa_id":"447700900123"}],'
    b'"notifications":[{"from":"447700900123","to":"example-bot",'
    b'"message_id":"01HZWAMSG0000000000000001","message":{"type":"text","body":"STOP"},'
    b'"timestamp":"2026-02-03T10:15:30Z"}]}'
)
HEX = "8f7b6e9b8488e666767ba81800d530e99ff40b87c33035e9e8acf0dd9869d098"
BASE64 = "j3tum4SI5mZ2e6gYANUw6Z/0C4fDMDXp6Kzw3Zhp0Jg="


def conversation() -> dict[str, str]:
    return sign_conversation(SECRET, BODY, nonce=NONCE, timestamp=TIMESTAMP)


def test_a_conversation_callback_is_signed_as_in_the_known_vector() -> None:
    assert conversation() == {
        "x-sinch-webhook-signature": SIGNATURE,
        "x-sinch-webhook-signature-algorithm": "HmacSHA256",
        "x-sinch-webhook-signature-nonce": NONCE,
        "x-sinch-webhook-signature-timestamp": str(TIMESTAMP),
    }


def test_a_whatsapp_callback_is_signed_as_in_the_known_vector() -> None:
    signed = {
        encoding: sign_whatsapp(KEY, WHATSAPP_BODY, nonce=WHATSAPP_NONCE, encoding=encoding)
        for encoding in ("hex", "base64")
    }
    assert signed["hex"]["sinch-whatsapp-callback-signature"] == HEX
    assert signed["base64"]["sinch-whatsapp-callback-signature"] == BASE64
    assert signed["hex"]["sinch-whatsapp-callback-signature-algorithm"] == "HMAC_SHA_256"


def test_a_conversation_signature_is_accepted_whatever_the_case_of_its_headers() -> None:
    headers = {name.title(): value for name, value in conversation().items()}
    assert verify_conversation(SECRET, BODY, headers, now=NOW) == NONCE


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_conversation_signature_from_another_time_is_stale(seconds: int) -> None:
    assert _code(conversation(), now=NOW + timedelta(seconds=seconds)) == "signature_stale"


def test_the_accepted_time_is_for_the_caller_to_choose() -> None:
    later = NOW + timedelta(hours=1)
    wide = timedelta(hours=2)
    assert verify_conversation(SECRET, BODY, conversation(), now=later, tolerance=wide) == NONCE


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("", None, "signature_missing"),
        ("-nonce", None, "signature_missing"),
        ("-timestamp", None, "signature_missing"),
        ("-algorithm", None, "signature_missing"),
        ("-algorithm", "HmacSHA1", "signature_algorithm"),
        ("-algorithm", "none", "signature_algorithm"),
        ("-timestamp", "yesterday", "signature_timestamp"),
        ("-timestamp", "9" * 5000, "signature_timestamp"),
        ("-timestamp", "١٢٣", "signature_timestamp"),
        ("-timestamp", str(TIMESTAMP + 1), "signature_mismatch"),
        ("-nonce", "another", "signature_mismatch"),
        ("", "", "signature_missing"),
        ("", "é" * 44, "signature_mismatch"),
        ("", SIGNATURE[:-1], "signature_mismatch"),
    ],
)
def test_a_changed_header_fails_with_its_code(header: str, value: str | None, code: str) -> None:
    headers = conversation()
    name = f"x-sinch-webhook-signature{header}"
    if value is None:
        del headers[name]
    else:
        headers[name] = value
    assert _code(headers) == code


def test_a_changed_body_or_secret_fails() -> None:
    assert _code(conversation(), body=BODY + b" ") == "signature_mismatch"
    assert _code(conversation(), secret="another") == "signature_mismatch"


def test_an_empty_secret_signs_nothing() -> None:
    with pytest.raises(ValueError, match="secret"):
        sign_conversation("", BODY, nonce=NONCE, timestamp=TIMESTAMP)


@pytest.mark.parametrize("signature", [HEX, HEX.upper(), BASE64])
def test_a_whatsapp_signature_is_accepted_in_hex_and_base64(signature: str) -> None:
    headers = sign_whatsapp(KEY, WHATSAPP_BODY, nonce=WHATSAPP_NONCE)
    headers["sinch-whatsapp-callback-signature"] = signature
    assert verify_whatsapp(KEY, WHATSAPP_BODY, headers) == WHATSAPP_NONCE


def test_a_changed_whatsapp_callback_fails() -> None:
    headers = sign_whatsapp(KEY, WHATSAPP_BODY, nonce=WHATSAPP_NONCE)
    with pytest.raises(InvalidSignatureError, match="signature_mismatch"):
        verify_whatsapp(KEY, WHATSAPP_BODY + b"\n", headers)


def _code(
    headers: dict[str, str], *, secret: str = SECRET, body: bytes = BODY, now: datetime = NOW
) -> str:
    with pytest.raises(InvalidSignatureError) as caught:
        verify_conversation(secret, body, headers, now=now)
    return caught.value.code

"""Callbacks as the providers send them, and the posting of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.test import Client

from consents.writing import database_clock
from providers import hearing, signing
from providers.contract import Result
from providers.models import ProviderAccount, ProviderCallback
from tests.consents.factories import NUMBER
from tests.providers.factories import CREDENTIALS, EXTERNAL_IDS, AccountFactory, settled

SECRET = "example-webhook-secret"
KEYS = {
    "sinch_conversation": {"callback_secret": SECRET},
    "sinch_whatsapp": {"callback_key": SECRET},
    "pepipost": {"callback_secret": SECRET},
}
_nonces = count(1)


def listening(kind: str = "sinch_conversation", **fields: Any) -> ProviderAccount:
    """An account that waits for results and knows who calls back."""
    settings = {"await_result": True, **fields.pop("settings", {})}
    keys = CREDENTIALS[kind] | KEYS[kind] | fields.pop("credentials", {})
    return AccountFactory(kind=kind, settings=settings, credentials=keys, **fields)


def send(account: ProviderAccount, result: Result = Result.ACCEPTED) -> None:
    """Tell the provider what it is owed; by default the results are still to come."""
    settled(account, result)


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def conversation(at: datetime | None = None, **event: Any) -> dict[str, Any]:
    time = iso(at or datetime.now(UTC))
    app = EXTERNAL_IDS["sinch_conversation"]
    return {"app_id": app, "accepted_time": time, "event_time": time, **event}


def result(
    status: str = "OPT_IN_SUCCEEDED",
    number: str | None = NUMBER,
    request_id: object = "",
    at: datetime | None = None,
    channel: str = "WHATSAPP",
    **more: Any,
) -> dict[str, Any]:
    """What became of a registration; without `request_id`, one that began at the provider."""
    key = "opt_in_notification" if status.startswith("OPT_IN") else "opt_out_notification"
    event = {"channel": channel, "status": status, **more}
    if number is not None:
        event["identity"] = number
    if request_id:
        event["request_id"] = str(request_id)
    return conversation(at, **{key: event})


def message(
    text: str = "hello", number: str = NUMBER, id: str = "m-1", at: datetime | None = None
) -> dict[str, Any]:
    return conversation(
        at,
        message={
            "id": id,
            "direction": "TO_APP",
            "contact_message": {"text_message": {"text": text}},
            "channel_identity": {"channel": "WHATSAPP", "identity": number},
        },
    )


def written(
    kind: str, text: str, number: str = NUMBER, id: str = "m-1", at: datetime | None = None
) -> dict[str, Any]:
    """A person's message, as a provider of this kind tells of it."""
    time = at or datetime.now(UTC)
    content: dict[str, Any] = {"from": number, "message_id": id}
    whatsapp = {"message": {"type": "text", "body": text}, "timestamp": iso(time)}
    pepipost = {"text_type": {"text": text}, "received_at": str(int(time.timestamp()))}
    return {
        "sinch_conversation": message(text, number, id, at),
        "sinch_whatsapp": {"type": "whatsapp", "notifications": [content | whatsapp]},
        "pepipost": {"incoming_message": [content | pepipost]},
    }[kind]


def report(code: str, number: str = NUMBER, reference: str = "out-1") -> dict[str, Any]:
    """A message of ours that failed for this reason."""
    return conversation(
        message_delivery_report={
            "message_id": reference,
            "status": "FAILED",
            "channel_identity": {"channel": "WHATSAPP", "identity": number},
            "reason": {"code": code, "description": "in words"},
        }
    )


def encoded(content: Any) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


def signed(kind: str, body: bytes, at: datetime | None = None, nonce: str = "") -> dict[str, str]:
    nonce = nonce or f"nonce-{next(_nonces)}"
    if kind == "sinch_conversation":
        seconds = int((at or datetime.now(UTC)).timestamp())
        return signing.sign_conversation(SECRET, body, nonce=nonce, timestamp=seconds)
    if kind == "sinch_whatsapp":
        return signing.sign_whatsapp(SECRET, body, nonce=nonce)
    return {"x-callback-secret": SECRET}


def post(
    account: ProviderAccount,
    content: Any,
    headers: dict[str, str] | None = None,
    query: str = "",
    **how: Any,
) -> int:
    """The status that the callback is answered with."""
    body = encoded(content)
    if headers is None:
        headers = signed(account.kind, body, **how)
    return (
        Client()
        .post(
            f"/callbacks/{account.id}/{query}",
            data=body,
            content_type="application/json",
            headers=headers,
        )
        .status_code
    )


def stored() -> list[ProviderCallback]:
    return list(ProviderCallback.objects.order_by("seq"))


def tell(account: ProviderAccount, content: Any, **how: Any) -> ProviderCallback:
    """Post a callback and apply what is there; the callback as it then is."""
    assert post(account, content, **how) == 200
    apply_all()
    return stored()[-1]


def apply_all() -> None:
    while hearing.apply_waiting():
        pass


def wait_is_over() -> None:
    """Make what was put off due, as if the time had passed."""
    ProviderCallback.objects.update(due_at=database_clock())

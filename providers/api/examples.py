"""What goes over the wire about deliveries, as the schema shows it; a test sends every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from consents.api.examples import (
    CONTACT,
    EVENT,
    NO_MORE_PAGES,
    NUMBER,
    SPOKEN_AT,
    WRITTEN_AT,
    Example,
    followed,
)
from consents.api.refusals import Refusal

_SYNC: Final[Mapping[str, Any]] = {
    "id": "0193f8a2-6d31-7b2c-9d0e-1f2a3b4c5d6e",
    "seq": 812,
    "sender": "default",
    "account": {
        "id": "0193f8a1-0c44-7f10-8a9b-aabbccddeeff",
        "kind": "pepipost",
        "name": "Pepipost, WhatsApp",
    },
    "channel": "WHATSAPP",
    "identity": NUMBER,
    "contact": CONTACT,
    "event": EVENT,
    "kind": "opt_in",
    "status": "succeeded",
    "reason": None,
    "code": None,
    "text": None,
    "attempts": 1,
    "created_at": WRITTEN_AT,
    "due_at": WRITTEN_AT,
    "sent_at": "2026-01-31T12:00:00.610000Z",
    "ended_at": "2026-01-31T12:00:00.804000Z",
}
_WAITING: Final = {**_SYNC, "status": "pending", "attempts": 0, "sent_at": None, "ended_at": None}
_ENDPOINT: Final[Mapping[str, Any]] = {
    "id": "0193f8a1-2b3c-7d4e-8f50-61728394a5b6",
    "sender": "default",
    "url": "https://shop.example.com/hooks/consent",
    "triggers": ["CONSENT_CHANGED", "SYNC_FAILED"],
    "signature": "standard",
    "is_active": True,
    "paused_at": None,
    "pause_reason": None,
    "failing_since": None,
    "last_success_at": None,
    "created_at": WRITTEN_AT,
}
_WITH_SECRET: Final = {
    **_ENDPOINT,
    "secret": "whsec_dGhpcy1pcy1hbi1leGFtcGxlLW5vdC1hLXNlY3JldCE=",
}
_DELIVERY: Final[Mapping[str, Any]] = {
    "id": "0193f8a2-6d33-7c8d-a0b1-c2d3e4f50617",
    "seq": 90,
    "endpoint": _ENDPOINT["id"],
    "trigger": "CONSENT_CHANGED",
    "event": EVENT,
    "request_id": None,
    "body": {
        "type": "CONSENT_CHANGED",
        "timestamp": WRITTEN_AT,
        "data": {
            "event": EVENT,
            "seq": 4711,
            "action": "opt_in",
            "channel": "WHATSAPP",
            "identity": "467******22",
            "contact": CONTACT,
            "purpose": "marketing",
            "outcome": "changed",
            "source": "WEB",
            "origin": "api",
            "occurred_at": SPOKEN_AT,
            "recorded_at": WRITTEN_AT,
        },
    },
    "status": "succeeded",
    "attempts": 1,
    "status_code": 200,
    "text": None,
    "created_at": WRITTEN_AT,
    "due_at": WRITTEN_AT,
    "ended_at": "2026-01-31T12:00:01.020000Z",
}
_DUE: Final = {
    **_DELIVERY,
    "status": "pending",
    "attempts": 0,
    "status_code": None,
    "ended_at": None,
}
_TEST: Final = {
    **_DUE,
    "trigger": "TEST",
    "event": None,
    "body": {
        "type": "TEST",
        "timestamp": WRITTEN_AT,
        "data": {"endpoint": _ENDPOINT["id"]},
    },
}
_BAD_URL: Final = Refusal("invalid_url", "The URL must begin with https://.", "url")
_OFF: Final = Refusal(
    "endpoint_inactive", "The endpoint is off or paused: switch it on first.", "is_active"
)

OF: Final[Mapping[str, Example]] = {
    "list_syncs": Example(answers={200: followed("provider-syncs/", _SYNC)}),
    "read_sync": Example(
        answers={
            200: {
                **_SYNC,
                "attempts_made": [
                    {
                        "started_at": "2026-01-31T12:00:00.610000Z",
                        "elapsed_ms": 194,
                        "status_code": 200,
                        "result": "succeeded",
                        "code": None,
                        "text": None,
                        "trace": [],
                    }
                ],
            }
        }
    ),
    "retry_sync": Example(answers={200: _WAITING}),
    "list_webhook_endpoints": Example(answers={200: {"results": [_ENDPOINT], **NO_MORE_PAGES}}),
    "create_webhook_endpoint": Example(
        requests={
            "whatever changes, and what fails": {
                "url": _ENDPOINT["url"],
                "triggers": _ENDPOINT["triggers"],
            }
        },
        answers={201: _WITH_SECRET},
        refusals={400: [_BAD_URL]},
    ),
    "read_webhook_endpoint": Example(answers={200: _ENDPOINT}),
    "change_webhook_endpoint": Example(
        requests={"switch it on again": {"is_active": True}},
        answers={200: _ENDPOINT},
        refusals={400: [_BAD_URL]},
    ),
    "delete_webhook_endpoint": Example(),
    "rotate_webhook_secret": Example(answers={200: _WITH_SECRET}),
    "test_webhook_endpoint": Example(answers={202: _TEST}, refusals={409: [_OFF]}),
    "redeliver_webhooks_since": Example(
        requests={"what was missed in the night": {"since": "2026-01-31T00:00:00Z"}},
        answers={202: {"redelivered": 17}},
        refusals={400: [Refusal("since_required", "This is required.", "since")]},
    ),
    "list_webhook_deliveries": Example(answers={200: followed("webhook-deliveries/", _DELIVERY)}),
    "read_webhook_delivery": Example(answers={200: _DELIVERY}),
    "redeliver_webhook": Example(answers={202: _DUE}),
}

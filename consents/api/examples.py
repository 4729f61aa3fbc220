"""What goes over the wire, as the schema and its page show it; a test sends every request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

from consents.api.refusals import Refusal

NUMBER: Final = "46732001122"
CONTACT: Final = "0193f8a2-6d1e-7c3a-9b7d-2f4e5a6b7c8d"
IDENTITY: Final = "0193f8a2-6d20-7a51-8c02-91b3d4e5f607"
EVENT: Final = "0193f8a2-6d2f-7e05-a1b4-5c6d7e8f9a0b"
SPOKEN_AT: Final = "2026-01-31T12:00:00.000000Z"
WRITTEN_AT: Final = "2026-01-31T12:00:00.412000Z"
NOTICE_TEXT: Final = "Yes, send me offers on WhatsApp."
NAMED_NOTICE: Final[Mapping[str, str]] = {
    "key": "checkout-banner",
    "version": "2026-01",
    "language": "en",
    "sha256": hashlib.sha256(NOTICE_TEXT.encode()).hexdigest(),
}
NO_MORE_PAGES: Final = {"next": None, "previous": None}
PREVIOUS: Final = "https://consent.example.com/api/v1/{}?cursor=bjQ3MTE"


@dataclass(frozen=True, slots=True)
class Example:
    """Requests by title, answers by status, what this operation alone refuses.

    `media_type` is that of requests and answers; refusals are JSON.
    """

    requests: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[int, Any] = field(default_factory=dict)
    refusals: Mapping[int, Sequence[Refusal]] = field(default_factory=dict)
    media_type: str = "application/json"

    def shown(self) -> list[OpenApiExample]:
        asked = [
            OpenApiExample(title, value=value, request_only=True, media_type=self.media_type)
            for title, value in self.requests.items()
        ]
        answered = [
            OpenApiExample(
                "answer",
                value=value,
                response_only=True,
                status_codes=[str(status)],
                media_type=self.media_type,
            )
            for status, value in self.answers.items()
        ]
        return [*asked, *answered]


def followed(path: str, *rows: Mapping[str, Any]) -> dict[str, Any]:
    """The newest page of a list that can be followed."""
    return {"results": list(rows), "next": None, "previous": PREVIOUS.format(path)}


EVENT_BODY: Final[Mapping[str, Any]] = {
    "id": EVENT,
    "seq": 4711,
    "sender": "default",
    "action": "opt_in",
    "channel": "WHATSAPP",
    "identity": NUMBER,
    "contact": CONTACT,
    "purpose": "marketing",
    "source": "WEB",
    "origin": "api",
    "actor": "ob_3f9c1a7be204",
    "occurred_at": SPOKEN_AT,
    "recorded_at": WRITTEN_AT,
    "effective": True,
    "outcome": "changed",
    "cause": None,
}
_STOP: Final[Mapping[str, Any]] = {
    **EVENT_BODY,
    "id": "0193f8a2-7b10-7d44-8e21-0a1b2c3d4e5f",
    "seq": 4712,
    "action": "opt_out",
    "purpose": "all",
    "source": "KEYWORD",
    "origin": "keyword",
}
_OPT_IN: Final[Mapping[str, Any]] = {
    "action": "opt_in",
    "channel": "WHATSAPP",
    "identity": f"+{NUMBER}",
    "purpose": "marketing",
    "source": "WEB",
    "ip": "192.0.2.7",
    "user_agent": "Mozilla/5.0",
    "evidence": {"notice": "checkout-banner", "policy_version": "2026-01"},
}
_UNKNOWN_NOTICE: Final = Refusal(
    "unknown_notice", "There is no such notice, or none that was valid then.", "evidence.notice"
)
_AMBIGUOUS_NOTICE: Final = Refusal(
    "notice_ambiguous",
    "This notice is in several languages: say which of en, sv.",
    "evidence.notice",
)
_ALLOWED: Final[Mapping[str, Any]] = {
    "allowed": True,
    "modes": ["template"],
    "basis": "opt_in",
    "reason": None,
    "expires_at": None,
    "free_form_until": None,
    "event": EVENT,
    "as_of": "2026-01-31T12:05:00.000000Z",
    "valid_for": 5,
}
_REFUSED: Final[Mapping[str, Any]] = {
    **_ALLOWED,
    "allowed": False,
    "modes": [],
    "basis": None,
    "reason": "unknown_identity",
    "event": None,
}
_UNKNOWN_CHANNEL: Final = Refusal("unknown_channel", "There is no such channel.", "channel")
_CUSTOMERS: Final = f"""\
name,identity
Ada,+{NUMBER}
Bob,46732002244
"""
_CUSTOMERS_ANSWERED: Final = f"""\
name,identity,allowed,modes,basis,reason,expires_at,free_form_until,event,as_of,valid_for
Ada,+{NUMBER},true,template,opt_in,,,,{EVENT},{WRITTEN_AT},5
Bob,46732002244,false,,,unknown_identity,,,,{WRITTEN_AT},5
"""

OF: Final[Mapping[str, Example]] = {
    "record": Example(
        requests={
            "an opt-in with its proof": _OPT_IN,
            "an opt-in whose wording is no notice": {
                **_OPT_IN,
                "evidence": {"wording": NOTICE_TEXT, "language": "en"},
            },
            "an opt-out of everything": {
                "action": "opt_out",
                "channel": "SMS",
                "identity": NUMBER,
                "source": "CALL_CENTRE",
                "occurred_at": "2026-01-31T11:58:00+01:00",
            },
            "an opt-out of a contact": {"action": "opt_out", "contact": "crm-1", "source": "CRM"},
        },
        answers={201: EVENT_BODY},
        refusals={
            400: [
                _UNKNOWN_CHANNEL,
                Refusal("occurred_in_future", "This has not happened yet.", "occurred_at"),
                _UNKNOWN_NOTICE,
                _AMBIGUOUS_NOTICE,
            ],
            409: [
                Refusal(
                    "identity_conflict", "This identity belongs to another contact.", "identity"
                ),
                Refusal(
                    "erased",
                    "This person was erased: name the address with which they came back.",
                    "contact",
                ),
            ],
        },
    ),
    "confirm": Example(
        requests={
            "a click on a page of your own": {
                "ip": "192.0.2.44",
                "user_agent": "Mozilla/5.0",
                "occurred_at": "2026-01-31T13:10:00Z",
            }
        },
        answers={
            200: {**EVENT_BODY, "id": "0193f8a2-7a01-7b22-9d13-1c2b3a4f5e6d", "cause": EVENT},
        },
        refusals={
            409: [
                Refusal("confirmation_expired", "The time for it has run out."),
                Refusal(
                    "confirmation_withdrawn",
                    "The person has opted out since, or the request was voided.",
                ),
                Refusal("not_a_request", "This line asks for no confirmation."),
            ]
        },
    ),
    "list_events": Example(answers={200: followed("consent-events/", EVENT_BODY)}),
    "record_many": Example(
        requests={
            "one that can be recorded and one that cannot": {
                "events": [
                    {
                        **{name: _OPT_IN[name] for name in ("action", "channel", "identity")},
                        "source": "IMPORT",
                        "occurred_at": "2025-06-01T09:30:00Z",
                    },
                    {"action": "opt_out", "channel": "FAX", "identity": "1", "source": "IMPORT"},
                ]
            }
        },
        answers={
            200: {
                "results": [
                    {"index": 0, "status": "recorded", "event": EVENT_BODY},
                    {
                        "index": 1,
                        "status": "error",
                        "error": {
                            "code": _UNKNOWN_CHANNEL.code,
                            "message": _UNKNOWN_CHANNEL.message,
                            "field": _UNKNOWN_CHANNEL.field,
                        },
                    },
                ]
            }
        },
        refusals={400: [Refusal("too_many_items", "At most 10000 at a time.", "events")]},
    ),
    "read_event": Example(
        answers={
            200: {
                **EVENT_BODY,
                "detail": {
                    "ip": "192.0.2.7",
                    "user_agent": "Mozilla/5.0",
                    "evidence": {"notice": NAMED_NOTICE, "policy_version": "2026-01"},
                    "note": "",
                },
            }
        }
    ),
    "check": Example(
        answers={200: {**_ALLOWED, "channel": "WHATSAPP", "purpose": "marketing"}},
        refusals={
            400: [
                _UNKNOWN_CHANNEL,
                Refusal("unknown_purpose", "There is no such purpose.", "purpose"),
            ]
        },
    ),
    "check_many": Example(
        requests={
            "an audience": {
                "channel": "WHATSAPP",
                "purpose": "marketing",
                "identities": [NUMBER, "46732002244"],
            }
        },
        answers={
            200: {
                "channel": "WHATSAPP",
                "purpose": "marketing",
                "results": [
                    {"index": 0, "identity": NUMBER, **_ALLOWED},
                    {"index": 1, "identity": "46732002244", **_REFUSED},
                ],
            }
        },
        refusals={400: [Refusal("too_many_items", "At most 10000 at a time.", "identities")]},
    ),
    "check_audience": Example(
        requests={"a list of customers": _CUSTOMERS},
        answers={200: _CUSTOMERS_ANSWERED},
        refusals={
            400: [
                Refusal("column_required", "The file has no such column.", "column"),
                Refusal("no_header", "The file has no line with the names of its columns."),
            ],
            507: [Refusal("no_room", "There is no room for this file now.")],
        },
        media_type="text/csv",
    ),
    "claim_confirmation": Example(
        requests={"after an opt-out": {"channel": "WHATSAPP", "identity": NUMBER}},
        answers={
            200: {
                **_ALLOWED,
                "modes": ["free_form", "template"],
                "basis": "confirmation",
                "expires_at": "2026-01-31T12:05:00.412000Z",
                "event": _STOP["id"],
                "as_of": "2026-01-31T12:00:03.000000Z",
                "valid_for": 0,
                "channel": "WHATSAPP",
                "purpose": None,
            }
        },
        refusals={
            409: [Refusal("nothing_to_confirm", "This person has not opted out.", "identity")]
        },
    ),
    "receive_message": Example(
        requests={
            "a person's STOP": {
                "channel": "WHATSAPP",
                "identity": NUMBER,
                "message_id": "wamid.1",
                "text": "STOP",
                "received_at": SPOKEN_AT,
            }
        },
        answers={
            201: {
                "channel": "WHATSAPP",
                "identity": NUMBER,
                "contact": CONTACT,
                "keyword": "stop",
                "is_repeat": False,
                "events": [_STOP],
            },
            200: {
                "channel": "WHATSAPP",
                "identity": NUMBER,
                "contact": CONTACT,
                "keyword": "stop",
                "is_repeat": True,
                "events": [],
            },
        },
        refusals={400: [_UNKNOWN_CHANNEL]},
    ),
}

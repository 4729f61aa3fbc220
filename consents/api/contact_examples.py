"""What goes over the wire about people, as the schema and its page show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from consents.api.examples import (
    CONTACT,
    EVENT,
    EVENT_BODY,
    IDENTITY,
    NO_MORE_PAGES,
    NUMBER,
    WRITTEN_AT,
    Example,
)
from consents.api.refusals import Refusal

_CONTACT: Final[Mapping[str, Any]] = {
    "id": CONTACT,
    "sender": "default",
    "external_id": "crm-1",
    "display_name": "Ada",
    "language": "sv",
    "created_at": WRITTEN_AT,
    "identities": [
        {"id": IDENTITY, "channel": "WHATSAPP", "identity": NUMBER, "warnings": []},
    ],
}
_TOKEN: Final = "WyIwMTkzZjhhMjZkMWU3YzNhOWI3ZCJd.Tn9Gl2cHqDeGv8tZtq3bWmZkYh4c"  # noqa: S105
_UNSUBSCRIBE: Final = f"https://consent.example.com/unsubscribe/{_TOKEN}/"
_LINK: Final[Mapping[str, Any]] = {
    "preferences": f"https://consent.example.com/preferences/{_TOKEN}/",
    "unsubscribe": _UNSUBSCRIBE,
    "headers": {
        "List-Unsubscribe": f"<{_UNSUBSCRIBE}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
    "expires_at": "2026-05-01T12:00:00.000000Z",
}
_CONFLICT: Final = Refusal(
    "identity_conflict", "An identity belongs to another contact.", "identities"
)
_TAKEN: Final = Refusal(
    "external_id_taken", "Another contact of this sender has this external_id.", "external_id"
)
_ERASED: Final = Refusal("erased", "This person was erased and is not named again.")

OF: Final[Mapping[str, Example]] = {
    "list_contacts": Example(answers={200: {"results": [_CONTACT], **NO_MORE_PAGES}}),
    "create_contact": Example(
        requests={
            "a person with a number": {
                "external_id": "crm-1",
                "display_name": "Ada",
                "language": "sv",
                "identities": [{"channel": "WHATSAPP", "identity": f"+{NUMBER}"}],
            }
        },
        answers={201: _CONTACT},
        refusals={409: [_TAKEN, _CONFLICT]},
    ),
    "read_contact": Example(answers={200: _CONTACT}),
    "change_contact": Example(
        requests={"another name": {"display_name": "Ada Lovelace"}},
        answers={200: {**_CONTACT, "display_name": "Ada Lovelace"}},
        refusals={409: [_TAKEN, _ERASED]},
    ),
    "export_contact": Example(
        answers={
            200: {
                "written_at": WRITTEN_AT,
                "contact": {name: _CONTACT[name] for name in _CONTACT if name != "identities"},
                "held": {
                    "identities": [
                        {
                            "id": IDENTITY,
                            "channel": "WHATSAPP",
                            "address": NUMBER,
                            "warnings": [],
                            "created_at": WRITTEN_AT,
                        }
                    ],
                    "disclosures": [{"actor": EVENT_BODY["actor"], "at": WRITTEN_AT}],
                },
            }
        }
    ),
    "erase_contact": Example(
        answers={
            200: {
                "contact": CONTACT,
                "asked_at": WRITTEN_AT,
                "finished_at": None,
                "kept": [
                    {
                        "what": "provider_syncs",
                        "count": 1,
                        "why": "A provider must still be told that they opted out.",
                    },
                    {
                        "what": "ledger_lines",
                        "count": 5,
                        "why": "They say what was agreed and when, and of nobody who.",
                    },
                ],
            }
        },
        refusals={
            409: [
                Refusal(
                    "legal_hold",
                    "A legal hold is on: nothing of this person may be erased until it is lifted.",
                )
            ]
        },
    ),
    "make_preference_link": Example(
        requests={
            "for a message on WhatsApp": {"channel": "WHATSAPP"},
            "for a newsletter": {"purpose": "marketing", "days": 90},
        },
        answers={201: _LINK},
        refusals={
            400: [
                Refusal("invalid_days", "A link is good for 1 to 3650 days.", "days"),
                Refusal("unknown_purpose", "There is no such purpose.", "purpose"),
            ],
            409: [
                Refusal("no_identity", "The contact has no address to write to.", "contact"),
            ],
        },
    ),
    "read_timeline": Example(
        answers={
            200: {
                "results": [
                    {
                        "at": WRITTEN_AT,
                        "kind": "event",
                        "id": EVENT,
                        "identity": IDENTITY,
                        "data": EVENT_BODY,
                    }
                ]
            }
        }
    ),
}

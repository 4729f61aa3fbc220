"""A proof and a receipt, as the schema and its page show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from consents.api.examples import (
    CONTACT,
    EVENT,
    IDENTITY,
    NAMED_NOTICE,
    NOTICE_TEXT,
    NUMBER,
    SPOKEN_AT,
    WRITTEN_AT,
    Example,
)
from consents.api.refusals import Refusal

_SENDER: Final = CONTACT
_PURPOSE: Final = IDENTITY
_HASH: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_SALT: Final = _HASH[:32]

_NOTICE: Final = {**NAMED_NOTICE, "text": NOTICE_TEXT}

_PROOF: Final[Mapping[str, Any]] = {
    "type": "optbook.proof",
    "line": {
        "seq": 4711,
        "id": EVENT,
        "sender_id": _SENDER,
        "identity_id": IDENTITY,
        "action": "opt_in",
        "purpose_id": _PURPOSE,
        "source": "WEB",
        "origin": "api",
        "actor": "ob_3f9c1a7be204",
        "lifts": "any",
        "occurred_at": SPOKEN_AT,
        "recorded_at": WRITTEN_AT,
        "effective": True,
        "outcome": "changed",
        "cause_id": None,
        "address_commitment": _HASH,
        "detail_commitment": _HASH,
    },
    "index": 0,
    "path": [],
    "seal": {
        "statement": {
            "after": 4710,
            "count": 1,
            "format": 1,
            "key": _HASH[:16],
            "number": 12,
            "previous": _HASH,
            "purposes": _HASH,
            "root": _HASH,
            "sealed_at": "2026-01-31T12:10:00.000000Z",
            "type": "optbook.seal",
            "upto": 4711,
        },
        "signature": _HASH * 2,
        "public_key": _HASH,
    },
    "purposes": [{"id": _PURPOSE, "key": "marketing", "parent": CONTACT}],
    "detail": {
        "salt": _SALT,
        "detail": {
            "ip": "192.0.2.7",
            "user_agent": "Mozilla/5.0",
            "evidence": {"notice": NAMED_NOTICE, "policy_version": "2026-01"},
            "note": "",
        },
    },
    "address": {"salt": _SALT, "channel": "WHATSAPP", "address": NUMBER},
    "notice": _NOTICE,
}

_RECORD: Final[Mapping[str, Any]] = {
    "schema_version": "ISO/IEC TS 27560:2023",
    "record_id": EVENT,
    "pii_principal_id": NUMBER,
    "pii_processing": {
        "privacy_notice": "https://shop.example.com/privacy",
        "language": "en",
        "notice": _NOTICE,
        "purposes": [
            {
                "purpose": "Offers and news",
                "purpose_type": "marketing",
                "lawful_basis": "consent",
                "pii_information": [
                    {
                        "pii_type": "telephone number",
                        "pii_attribute_id": "WHATSAPP",
                        "pii_optional": False,
                        "sensitive_pii_category": False,
                        "special_pii_category": False,
                    }
                ],
                "pii_controllers": [_SENDER],
                "collection_method": "a form or program of the controller (WEB)",
                "processing_method": "messages over WHATSAPP",
                "storage_locations": ["EU"],
                "retention_period": "3 years after withdrawal",
                "jurisdiction": "SE",
                "recipient_third_parties": ["Messaging Provider AB"],
                "withdrawal_method": "Reply STOP.",
                "privacy_rights": "Write to privacy@shop.example.com.",
            }
        ],
    },
    "party_identification": [
        {
            "party_id": _SENDER,
            "party_name": "Shop AB",
            "party_address": "Storgatan 1, 111 22 Stockholm",
            "party_contact": "privacy@shop.example.com",
            "party_role": "PII controller",
            "party_type": "organisation",
        }
    ],
    "events": [
        {
            "event_id": EVENT,
            "event_time": SPOKEN_AT,
            "validity_duration": "until withdrawn",
            "entity_id": NUMBER,
            "event_type": "explicit",
            "event_state": "given",
        }
    ],
}

_CHANGED: Final = Refusal("line_changed", "This line is not as it was sealed: verify the ledger.")

PROOF: Final = Example(
    answers={200: _PROOF},
    refusals={
        409: [
            Refusal("not_sealed_yet", "This line is not sealed yet; come back later."),
            _CHANGED,
        ]
    },
)
RECEIPT: Final = Example(
    answers={
        200: {
            "schema_version": "ISO/IEC TS 27560:2023",
            "receipt_id": EVENT,
            "consent_record": _RECORD,
            "proof": _PROOF,
        }
    },
    refusals={409: [Refusal("not_an_opt_in", "There are receipts for opt-ins only."), _CHANGED]},
)

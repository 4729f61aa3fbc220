"""Lines and seals as JSON that anybody can check who has the public key (docs/verify.py does)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from consents import leaves, notices
from consents.models import ConsentEvent, Notice, Seal
from consents.timestamps import written

Document = dict[str, Any]


def seal(made: Seal) -> Document:
    """What was signed, the signature and the key; needs the seal's key."""
    return {
        "statement": made.statement(),
        "signature": bytes(made.signature).hex(),
        "public_key": bytes(made.key.public).hex(),
    }


def notice(shown: Notice) -> Document:
    """What evidence says of a notice, and its exact text."""
    return {**notices.version(shown).as_evidence(), "text": shown.text}


def line(event: ConsentEvent) -> Document:
    """Every column of a line, by its name in the table."""
    return of_columns({name: getattr(event, name) for name in leaves.COLUMNS})


def of_columns(columns: Mapping[str, Any]) -> Document:
    return {name: _shown(value) for name, value in columns.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        return written(value)
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value

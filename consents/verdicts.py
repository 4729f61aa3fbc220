"""A permission as programs read it, over the API and in files."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from consents.decision import Permission
from consents.timestamps import written

compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON as the API writes it."""


def fields(answer: Permission) -> dict[str, Any]:
    """The verdict in JSON's types, its fields in the order in which they are shown."""
    return {
        "allowed": answer.allowed,
        "modes": [mode.value for mode in answer.modes],
        "basis": answer.basis.value if answer.basis else None,
        "reason": answer.reason.value if answer.reason else None,
        "expires_at": _time(answer.expires_at),
        "free_form_until": _time(answer.free_form_until),
        "event": str(answer.event) if answer.event else None,
        "as_of": _time(answer.as_of),
        "valid_for": int(answer.valid_for.total_seconds()),
    }


def in_json(answer: Permission) -> tuple[str, str]:
    """The fields as JSON text without braces, cut in two where the value of `event` goes."""
    text = compact({**fields(answer), "event": None})
    before, _, after = text[1:-1].partition('"event":null')
    return f'{before}"event":', after


def _time(time: datetime | None) -> str | None:
    return written(time) if time else None

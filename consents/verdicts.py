"""A permission as programs read it: over the API, in lines of JSON, in cells of CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from consents.decision import Permission
from consents.timestamps import written

NAMES: Final = (
    *("allowed", "modes", "basis", "reason", "expires_at", "free_form_until"),
    *("event", "as_of", "valid_for"),
)
"""The fields in the order in which they are shown."""

Fields = Mapping[str, Any]
"""A verdict in JSON's types, by these names."""

compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON as the API writes it."""


def fields(answer: Permission) -> dict[str, Any]:
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


def in_json(verdict: Fields) -> tuple[str, str]:
    """The fields as JSON text without braces, cut in two where the value of `event` goes."""
    text = compact({**verdict, "event": None})
    before, _, after = text[1:-1].partition('"event":null')
    return f'{before}"event":', after


def in_csv(verdict: Fields, delimiter: str) -> tuple[str, str]:
    """The fields as cells of CSV, cut in two where `event` goes; no cell needs quotes."""
    cells = [_cell(value) for value in {**verdict, "event": None}.values()]
    at = NAMES.index("event")
    return delimiter.join([*cells[:at], ""]), delimiter.join(["", *cells[at + 1 :]])


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value)


def _time(time: datetime | None) -> str | None:
    return written(time) if time else None

"""Reading what others post: JSON of which any part may be missing or of another type."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

from providers.errors import UnreadableError

# A string is taken whole, so that a comma within it stays.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)


def document(body: bytes) -> dict[str, Any]:
    """The JSON object that the body is, read leniently. Raises UnreadableError.

    Raw line breaks within strings and trailing commas are taken: providers' own samples have both.
    """
    try:
        text = body.decode("utf-8-sig")
        value = _loaded(text)
    except (ValueError, RecursionError):
        raise UnreadableError("not_json", "The body is not JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise UnreadableError("not_an_object", "The body is not a JSON object.")
    return value


def text(value: object) -> str:
    """A text, or a whole number as text; anything else is empty."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20:
        return str(value)
    return value.strip() if isinstance(value, str) else ""


def raw_text(value: object) -> str:
    return value if isinstance(value, str) else ""


def part(value: object) -> dict[str, Any]:
    """An object; the first of a list of them; empty where it is neither."""
    if isinstance(value, list):
        value = next((one for one in value if isinstance(one, dict)), None)
    return value if isinstance(value, dict) else {}


def parts(value: object) -> list[dict[str, Any]]:
    """A list's objects; an object alone is a list of one."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def moment(value: object) -> datetime | None:
    """An ISO 8601 time with its zone, as UTC; None for one without, whose zone nobody knows."""
    try:
        at = datetime.fromisoformat(text(value))
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def unix_moment(value: object) -> datetime | None:
    """Unix seconds, as a number or as text."""
    seconds = text(value)
    try:
        return datetime.fromtimestamp(int(seconds), UTC) if seconds.isdecimal() else None
    except (ValueError, OverflowError, OSError):
        return None


def stand_in_id(value: dict[str, Any]) -> str:
    """An id for what came without one: the same for the same content."""
    return f"no-id:{hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()}"


def _loaded(text: str) -> object:
    try:
        return json.loads(text, strict=False)
    except json.JSONDecodeError:
        without = _TRAILING_COMMA.sub(lambda match: match[1] or "", text)
        return json.loads(without, strict=False)

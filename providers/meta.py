"""What stems from WhatsApp itself, in whichever provider's callback it is passed on.

Sources: Meta's references of the webhook `user_preferences` and of the error codes (2026-05).
Whether any of the three providers passes the webhook on as it is, nobody has written down.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from providers import reading
from providers.contract import Contradiction, ContradictionHeard, Heard, NothingHeard

OBJECT = "whatsapp_business_account"
STOPPED_CODE = "131050"
"""The person stopped this business's marketing. 131047 (the window is closed) is no such thing."""

_STOPPED = re.compile(rf"(?<!\d){STOPPED_CODE}(?!\d)")
_PREFERENCES = {
    "stop": Contradiction.STOPPED_MARKETING,
    "resume": Contradiction.RESUMED_MARKETING,
}


def says_stopped(*texts: str) -> bool:
    """Whether an error's code or words are Meta's for a person who stopped marketing."""
    return any(_STOPPED.search(text) for text in texts)


def is_forwarded(document: dict[str, Any]) -> bool:
    return document.get("object") == OBJECT


def heard(document: dict[str, Any]) -> list[Heard]:
    """The preferences told in Meta's own webhook; nothing else in it is heard here."""
    found: list[Heard] = [
        said
        for entry in reading.parts(document.get("entry"))
        for change in reading.parts(entry.get("changes"))
        for said in _preferences(reading.part(change.get("value")))
    ]
    return found or [NothingHeard("meta webhook")]


def _preferences(value: dict[str, Any]) -> Iterator[Heard]:
    for one in reading.parts(value.get("user_preferences")):
        kind = _PREFERENCES.get(reading.text(one.get("value")).lower())
        if kind and reading.text(one.get("category")) == "marketing_messages":
            yield ContradictionHeard(
                contradiction=kind,
                channel="WHATSAPP",
                identity=reading.text(one.get("wa_id")) or reading.text(one.get("user_id")),
                code="user_preferences",
                text=reading.text(one.get("value")).lower(),
                occurred_at=reading.unix_moment(one.get("timestamp")),
                reference=reading.text(one.get("timestamp")),
            )

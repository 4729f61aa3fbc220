"""Double opt-in: which opt-ins count only once the person has confirmed them, and until when.

What somebody hands in for a person has to be confirmed by that person, where its purpose says so,
unless it carries the proof that this has happened elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from consents import timestamps
from consents.errors import ConsentError
from consents.vocabulary import CLOCK_TOLERANCE, HANDED_IN_ORIGINS, Origin

CONFIRMATION: Final = "confirmation"
"""In the evidence, of an opt-in: when, from where and how it was confirmed elsewhere (or the time
alone, as a file may have it). Of one that has to be confirmed: until when it can be."""

UNTIL: Final = f"{CONFIRMATION}__until"
"""Where that stands in the evidence, as queries name it; its text sorts as the time does."""


def waits(
    origin: Origin, evidence: Mapping[str, Any], occurred_at: datetime | None, now: datetime
) -> bool:
    """Whether an opt-in to a purpose with double opt-in has to be confirmed.

    Raises ConsentError `invalid_confirmation` for a proof that is none.
    """
    if origin not in HANDED_IN_ORIGINS:
        return False
    proof = evidence.get(CONFIRMATION)
    if proof is None:
        return True
    _check_proof(proof, occurred_at, now)
    return False


def marked(evidence: Mapping[str, Any], until: datetime) -> dict[str, Any]:
    """The evidence, and until when the opt-in can be confirmed."""
    return {**evidence, CONFIRMATION: {"until": timestamps.written(until)}}


def deadline(evidence: Mapping[str, Any]) -> datetime | None:
    """Until when it can be confirmed; None where the evidence has been forgotten since."""
    mark = evidence.get(CONFIRMATION)
    return timestamps.read(mark["until"]) if mark else None


def _check_proof(proof: object, occurred_at: datetime | None, now: datetime) -> None:
    when = proof.get("occurred_at") if isinstance(proof, Mapping) else proof
    try:
        confirmed_at = timestamps.read(when) if isinstance(when, str) else None
    except ValueError:
        confirmed_at = None
    if confirmed_at is None:
        raise _invalid("Say when it was confirmed: a time with its zone, as its occurred_at.")
    if confirmed_at > now + CLOCK_TOLERANCE:
        raise _invalid("This confirmation has not happened yet.")
    if occurred_at and confirmed_at < occurred_at:
        raise _invalid("Nobody can confirm an opt-in before it was asked for.")


def _invalid(message: str) -> ConsentError:
    return ConsentError("invalid_confirmation", message, "evidence")

"""The words of delivery: where a row of the outbox stands, and why it failed."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    AWAITING_RESULT = "awaiting_result"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SUPERSEDED = "superseded"


OPEN: Final = frozenset({Status.PENDING, Status.SENDING, Status.AWAITING_RESULT})


class FailedReason(StrEnum):
    """Why a failed row needs a person, or time."""

    REJECTED = "rejected"
    UNSUPPORTED = "unsupported"
    WITHDRAWN = "withdrawn"
    NO_RESULT = "no_result"
    GAVE_UP = "gave_up"

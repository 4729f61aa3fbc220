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


class CallbackStatus(StrEnum):
    """How far a provider's request to us has come."""

    STORED = "stored"  # verified, not applied yet
    APPLIED = "applied"
    IGNORED = "ignored"  # known, and nothing to do with consent
    UNREADABLE = "unreadable"  # verified, and not understood
    FAILED = "failed"  # understood, and applying it failed for good


class Trigger(StrEnum):
    """What subscribers can hear of. OPT_IN and OPT_OUT are results, named as Sinch names them."""

    CONSENT_CHANGED = "CONSENT_CHANGED"
    OPT_IN = "OPT_IN"
    OPT_OUT = "OPT_OUT"
    CONSENT_EXPIRING = "CONSENT_EXPIRING"
    WINDOW_OPENED = "WINDOW_OPENED"
    WINDOW_CLOSED = "WINDOW_CLOSED"
    SYNC_FAILED = "SYNC_FAILED"
    LEDGER_SEALED = "LEDGER_SEALED"
    TEST = "TEST"  # sent when somebody asks for it


SUBSCRIBABLE: Final = tuple(trigger for trigger in Trigger if trigger is not Trigger.TEST)


class SignatureStyle(StrEnum):
    STANDARD = "standard"  # Standard Webhooks
    SINCH = "sinch"  # as Sinch's Conversation API signs


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"

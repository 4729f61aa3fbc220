"""The OPT_IN and OPT_OUT notifications of Sinch Conversation, with their known oddities."""

from collections.abc import Collection
from datetime import UTC, datetime

from .accounts import SinchConversationAccount
from .exchange import OPT_IN, Registration

KEY_OF_ACTION = {"opt_in": "opt_in_notification", "opt_out": "opt_out_notification"}
TRIGGER_OF_ACTION = {"opt_in": "OPT_IN", "opt_out": "OPT_OUT"}

SUCCEEDED = "SUCCEEDED"
FAILED = "FAILED"
UNSPECIFIED = "STATUS_UNSPECIFIED"


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with microseconds and a Z."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def envelope(
    account: SinchConversationAccount, key: str, event: object, at: datetime, now: datetime
) -> dict[str, object]:
    """Every Conversation callback: six common keys and the one event. `at` is the channel's time,
    `now` the time at which Sinch accepted it."""
    return {
        "app_id": account.app,
        "project_id": account.project,
        "accepted_time": timestamp(now),
        "event_time": timestamp(at),
        key: event,
        "message_metadata": "",
        "correlation_id": "",
    }


def outcome(registration: Registration, oddities: Collection[str]) -> str:
    """How the registration ends: SUCCEEDED, FAILED or STATUS_UNSPECIFIED."""
    if "callback_failed" in oddities:
        return FAILED
    if "callback_unspecified" in oddities or not registration.supported:
        return UNSPECIFIED
    return SUCCEEDED


def notification(
    registration: Registration,
    account: SinchConversationAccount,
    now: datetime,
    oddities: Collection[str] = (),
    reason: str = "",
) -> dict[str, object]:
    """The callback that tells how `registration` ended. `oddities` are names of callback faults."""
    ended = outcome(registration, oddities)
    event: dict[str, object] = {
        "request_id": registration.request_id,
        "contact_id": registration.contact_id,
        "channel": registration.channel,
        "identity": "" if registration.contact_id else registration.identity,
        "status": f"{TRIGGER_OF_ACTION[registration.action]}_{ended}",
        "processing_mode": "CONVERSATION" if registration.contact_id else "DISPATCH",
    }
    if ended == FAILED:
        event["error_details"] = {"description": reason}
    if "callback_no_identity" in oddities:
        del event["identity"]
    if "callback_no_request_id" in oddities or not registration.request_id:
        del event["request_id"]
    callback = envelope(account, _key(registration, oddities), event, now, now)
    if "callback_no_event_time" in oddities:
        del callback["event_time"]
    return callback


def _key(registration: Registration, oddities: Collection[str]) -> str:
    """Sinch's page of 2021 shows an opt-in's result under the other key."""
    is_opt_in = (registration.action == OPT_IN) != ("callback_wrong_key" in oddities)
    return KEY_OF_ACTION["opt_in" if is_opt_in else "opt_out"]

"""Hears the Sinch Conversation API: results of registrations, messages, delivery reports.

Sources: Sinch's callbacks page of 2021 and the event models of its SDKs of 2026. There is no
field that names the type: the one event key does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from providers import callback_secrets, meta, reading, signing
from providers.contract import (
    Account,
    Contradiction,
    ContradictionHeard,
    Heard,
    Kind,
    Listener,
    MessageHeard,
    NothingHeard,
    Result,
    ResultHeard,
)
from providers.errors import UnreadableError
from providers.redaction import Mask
from providers.sinch_conversation import wire

ENVELOPE = {"app_id", "project_id", "accepted_time", "event_time"} | {
    "message_metadata",
    "correlation_id",
}
RESULT_KEYS = {"opt_in_notification": Kind.OPT_IN, "opt_out_notification": Kind.OPT_OUT}
CHANNELS = {word: channel for channel, word in wire.CHANNELS.items()} | {
    "VIBER": "VIBER",  # the word before VIBERBM
    "KAKAOTALKCHAT": "KAKAOTALK",
}
_STATUS = re.compile(r"(?:OPT_(IN|OUT)_)?(SUCCEEDED|FAILED|STATUS_UNSPECIFIED)")
RESULTS = {
    "SUCCEEDED": Result.SUCCEEDED,
    "FAILED": Result.REJECTED,
    "STATUS_UNSPECIFIED": Result.UNSUPPORTED,  # "the channel does not support it" (page of 2020)
}

Envelope = dict[str, Any]


class SinchConversationListener(Listener):
    """`callback_secret` signs; the setting `replay_seconds` (300) is how old a signature may be."""

    def is_signed(self, account: Account) -> bool:
        return bool(account.credentials.get("callback_secret"))

    def verify(
        self, account: Account, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> str:
        secret, *former = callback_secrets.accepted(account, "callback_secret", now)
        tolerance = _replay_window(account)
        return signing.verify_conversation(
            secret, body, headers, now=now, tolerance=tolerance, former=former
        )

    def hear(self, account: Account, body: bytes) -> list[Heard]:
        envelope = reading.document(body)
        if meta.is_forwarded(envelope):
            return meta.heard(envelope)
        _require_app(account, envelope)
        for key, kind in RESULT_KEYS.items():
            if key in envelope:
                return [_result(envelope, reading.part(envelope[key]), kind)]
        for key, hear in _EVENTS.items():
            if key in envelope:
                return [hear(envelope, reading.part(envelope[key]))]
        if reading.text(envelope.get("status")).upper().startswith(("OPT_IN_", "OPT_OUT_")):
            # The opt-in page shows its notifications so, without an envelope.
            return [_result(envelope, envelope)]
        if not envelope.keys() & ENVELOPE:
            raise UnreadableError("not_sinch", "This is no callback of Sinch Conversation.")
        others = sorted(key for key in envelope.keys() - ENVELOPE if key.isidentifier())
        return [NothingHeard(", ".join(others)[:100] or "an empty envelope")]


def _replay_window(account: Account) -> timedelta:
    try:
        seconds = float(account.settings.get("replay_seconds") or "nan")
        return timedelta(seconds=seconds) if seconds > 0 else signing.TOLERANCE
    except (ValueError, TypeError, OverflowError):
        return signing.TOLERANCE


def _require_app(account: Account, envelope: Envelope) -> None:
    """Another app is another sender: nothing of it may be written down here."""
    app = reading.text(envelope.get("app_id"))
    if app and account.external_id and app.upper() != account.external_id.upper():
        raise UnreadableError("other_app", "This callback is of another app.")


def _result(envelope: Envelope, event: Envelope, assumed: Kind | None = None) -> Heard:
    """Opt-in or opt-out by the status: Sinch's page of 2021 shows one under the other's key.

    `assumed`: what its key says, for a status that says neither.
    """
    status = _STATUS.fullmatch(reading.text(event.get("status")).upper())
    said, word = status.groups() if status else ("", "")
    kind = Kind(f"opt_{said.lower()}") if said else assumed
    if not word or kind is None:
        raise UnreadableError("unknown_status", "The notification has no status known here.")
    identity = reading.text(event.get("identity"))
    details = reading.part(event.get("error_details"))
    return ResultHeard(
        kind=kind,
        result=RESULTS[word],
        channel=_channel(event.get("channel")),
        identity=identity or None,
        request_id=reading.text(event.get("request_id")),
        text=Mask(identities=[identity]).apply(reading.text(details.get("description"))),
        occurred_at=_event_time(envelope),
    )


def _message(envelope: Envelope, message: Envelope) -> Heard:
    content = reading.part(message.get("contact_message"))
    if message.get("injected") is True:
        return NothingHeard("a message put in by a program")
    if not content or reading.text(message.get("direction")) == "TO_CONTACT":
        return NothingHeard("a message that is not the person's")
    identity = reading.part(message.get("channel_identity"))
    reply = reading.part(content.get("choice_response_message"))
    return MessageHeard(
        channel=_channel(identity.get("channel")),
        identity=reading.text(identity.get("identity")),
        message_id=reading.text(message.get("id")) or reading.stand_in_id(message),
        received_at=_event_time(envelope, message),
        text=_words(content),
        payload=reading.raw_text(reply.get("postback_data")) or None,
    )


def _words(content: Envelope) -> str:
    """What the person wrote, be it under a picture."""
    text = reading.part(content.get("text_message")).get("text")
    caption = reading.part(content.get("media_card_message")).get("caption")
    return reading.raw_text(text) or reading.raw_text(caption)


def _delivery(envelope: Envelope, report: Envelope) -> Heard:
    reason = reading.part(report.get("reason"))
    code = reading.text(reason.get("code"))
    details = [reading.text(reason.get(name)) for name in ("channel_code", "description")]
    if reading.text(report.get("status")) != "FAILED":
        return NothingHeard("message_delivery_report")
    if meta.says_stopped(*details):
        found, code = Contradiction.STOPPED_MARKETING, meta.STOPPED_CODE
    elif code == "RECIPIENT_NOT_OPTED_IN":
        found = Contradiction.NOT_OPTED_IN
    else:
        return NothingHeard("message_delivery_report")
    identity = reading.part(report.get("channel_identity"))
    address = reading.text(identity.get("identity"))
    return ContradictionHeard(
        contradiction=found,
        channel=_channel(identity.get("channel")),
        identity=address,
        code=code,
        text=Mask(identities=[address]).apply(details[1]),
        occurred_at=_event_time(envelope),
        reference=reading.text(report.get("message_id")),
    )


_EVENTS: dict[str, Callable[[Envelope, Envelope], Heard]] = {
    "message": _message,
    "message_delivery_report": _delivery,
}


def _channel(word: object) -> str:
    """Our name of the channel; theirs where we have none, which is nobody's silence."""
    name = reading.text(word).upper()
    return CHANNELS.get(name, name)


def _event_time(envelope: Envelope, message: Envelope | None = None) -> datetime | None:
    """The channel's time, else that at which Sinch took it."""
    times = (
        envelope.get("event_time"),
        (message or {}).get("accept_time"),
        envelope.get("accepted_time"),
    )
    return next((at for time in times if (at := reading.moment(time))), None)

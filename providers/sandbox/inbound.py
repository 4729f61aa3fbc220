"""A person writes: the callback each provider makes of it, with the oddities seen in the field."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .accounts import Accounts
from .conversation_registration import new_id
from .exchange import PEPIPOST, PROVIDERS, SINCH_CONVERSATION, SINCH_WHATSAPP, Registration
from .results import TRIGGER_OF_ACTION, envelope, notification, timestamp

BUSINESS_NUMBER = "447700900999"
ODDITIES = {
    PEPIPOST: ("text_as_array", "no_message_type", "lower_case_type", "null_context", "no_to"),
    SINCH_CONVERSATION: ("injected", "no_event_time", "conversation_mode"),
    SINCH_WHATSAPP: ("no_contacts", "with_statuses", "forwarded"),
}


@dataclass(frozen=True)
class Message:
    """One message. `sent_at` is the provider's time of it; `payload` a button's or row's id."""

    sender: str
    text: str
    kind: str
    payload: str
    message_id: str
    sent_at: datetime
    oddities: frozenset[str]
    channel: str = "WHATSAPP"


def read_message(provider: str, wish: Mapping[str, Any], now: datetime) -> Message:
    """A message from its JSON form. ValueError says what is wrong with it."""
    texts = {name: wish.get(name) for name in ("text", "payload", "message_id", "channel", "kind")}
    if any(value is not None and not isinstance(value, str) for value in texts.values()):
        raise ValueError("text, payload, message_id, channel and kind must be text")
    sender, kind = wish.get("from"), texts["kind"] or "text"
    if not isinstance(sender, str) or not sender:
        raise ValueError("from must be the number of the person who writes")
    if kind not in KINDS[provider]:
        raise ValueError(f"kind must be one of {', '.join(KINDS[provider])}")
    return Message(
        sender=sender,
        text=texts["text"] or "",
        kind=kind,
        payload=texts["payload"] or "",
        message_id=texts["message_id"] or _new_message_id(provider),
        sent_at=_read_time(wish.get("sent_at"), now),
        oddities=_read_oddities(provider, wish.get("oddities", [])),
        channel=texts["channel"] or "WHATSAPP",
    )


def _read_time(value: object, now: datetime) -> datetime:
    try:
        if isinstance(value, str):
            moment = datetime.fromisoformat(value)
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError("sent_at must be Unix seconds or ISO 8601") from error
    if value is not None:
        raise ValueError("sent_at must be Unix seconds or ISO 8601")
    return now


def _read_oddities(provider: str, value: object) -> frozenset[str]:
    known = ODDITIES[provider]
    if not isinstance(value, list) or any(item not in known for item in value):
        raise ValueError(f"oddities must be a list of {', '.join(known)}")
    return frozenset(value)


def _new_message_id(provider: str) -> str:
    return f"wamid.{secrets.token_hex(16).upper()}" if provider == PEPIPOST else new_id()


def callbacks_for(
    provider: str, messages: list[Message], accounts: Accounts, now: datetime
) -> list[tuple[str, dict[str, object]]]:
    """The callbacks, each with the name of its event. Two of the providers put several messages
    into one; Sinch Conversation sends one callback a message."""
    if provider == PEPIPOST:
        rows = [_pepipost_row(message) for message in messages]
        return [("INCOMING_MESSAGE", {"incoming_message": rows})]
    if provider == SINCH_WHATSAPP:
        return [("NOTIFICATIONS", _whatsapp_callback(messages, accounts, now))]
    return [_conversation_callback(message, accounts, now) for message in messages]


def _pepipost_row(message: Message) -> dict[str, object]:
    name, content = PEPIPOST_KINDS[message.kind](message)
    row: dict[str, object] = {
        "from": message.sender,
        "to": BUSINESS_NUMBER,
        "from_name": "Sandbox",
        "message_id": message.message_id,
        "message_type": name,
        "received_at": str(int(message.sent_at.timestamp())),
        "context": {"ncmessage_id": "", "message_id": ""},
        f"{name.lower()}_type": content,
    }
    if "text_as_array" in message.oddities:
        row[f"{name.lower()}_type"] = [content]
    if "lower_case_type" in message.oddities:
        row["message_type"] = name.lower()
    if "null_context" in message.oddities:
        row["context"] = None
    for oddity, key in (("no_message_type", "message_type"), ("no_to", "to")):
        if oddity in message.oddities:
            del row[key]
    return row


def _pepipost_button(message: Message) -> tuple[str, object]:
    reply = {"id": message.payload, "title": message.text}
    return "INTERACTIVE", {"type": "button_reply", "button_reply": reply}


def _pepipost_list(message: Message) -> tuple[str, object]:
    reply = {"id": message.payload, "title": message.text, "description": ""}
    return "INTERACTIVE", {"type": "list_reply", "list_reply": reply}


def _pepipost_image(message: Message) -> tuple[str, object]:
    return "IMAGE", {"id": new_id(), "mime_type": "image/jpeg", "sha256": "0" * 64}


PEPIPOST_KINDS: dict[str, Callable[[Message], tuple[str, object]]] = {
    "text": lambda message: ("TEXT", {"text": message.text}),
    "button": _pepipost_button,
    "list": _pepipost_list,
    "image": _pepipost_image,
    "reaction": lambda message: ("REACTION", {"emoji": message.text or "👍"}),
}


def _whatsapp_callback(
    messages: list[Message], accounts: Accounts, now: datetime
) -> dict[str, object]:
    oddities = frozenset[str]().union(*(message.oddities for message in messages))
    callback: dict[str, object] = {"type": "whatsapp"}
    if "with_statuses" in oddities:
        status = {"status": "success", "state": "delivered", "message_id": new_id()}
        recipient = {"recipient": f"+{messages[0].sender}", "timestamp": timestamp(now)}
        callback["statuses"] = [status | recipient]
    if "no_contacts" not in oddities:
        senders = dict.fromkeys(message.sender for message in messages)
        callback["contacts"] = [{"profile": {"name": "Sandbox"}, "wa_id": s} for s in senders]
    callback["notifications"] = [
        _whatsapp_notification(message, accounts.sinch_whatsapp.bot) for message in messages
    ]
    return callback


def _whatsapp_notification(message: Message, bot: str) -> dict[str, object]:
    notice: dict[str, object] = {
        "from": message.sender,
        "to": bot,
        "message_id": message.message_id,
        "message": WHATSAPP_KINDS[message.kind](message),
        "timestamp": timestamp(message.sent_at),
    }
    if message.kind in ("button", "list", "template_button"):
        notice["replying_to"] = {"from": BUSINESS_NUMBER, "message_id": new_id()}
    if "forwarded" in message.oddities:
        notice["forwarded"] = True
    return notice


def _whatsapp_reply(kind: str) -> Callable[[Message], object]:
    def build(message: Message) -> object:
        reply = {"type": kind, "id": message.payload, "title": message.text}
        return {"type": "interactive", "message": reply}

    return build


WHATSAPP_KINDS: dict[str, Callable[[Message], object]] = {
    "text": lambda message: {"type": "text", "body": message.text},
    "template_button": lambda message: {
        "type": "button",
        "index": "0",
        "text": message.text,
        "payload": message.payload,
    },
    "button": _whatsapp_reply("button"),
    "list": _whatsapp_reply("list"),
    "image": lambda message: {
        "type": "image",
        "url": "http://127.0.0.1/image",
        "mime_type": "image/jpeg",
        "caption": message.text,
    },
    "deleted": lambda message: {"type": "deleted"},
    "system": lambda message: {"type": "system", "body": message.text},
    "unknown": lambda message: {"type": "unknown"},
    "error": lambda message: {"type": "error", "details": message.text},
}


def _conversation_callback(
    message: Message, accounts: Accounts, now: datetime
) -> tuple[str, dict[str, object]]:
    account = accounts.sinch_conversation
    if message.kind in TRIGGER_OF_ACTION:
        # Nobody asked for this one, so it has no request_id.
        registration = Registration(message.kind, message.channel, message.sender, request_id="")
        callback = notification(registration, account, now)
        callback["event_time"] = timestamp(message.sent_at)
        trigger = TRIGGER_OF_ACTION[message.kind]
    else:
        event = _conversation_message(message, now)
        callback = envelope(account, "message", event, message.sent_at, now)
        trigger = "MESSAGE_INBOUND"
    if "no_event_time" in message.oddities:
        del callback["event_time"]
    return trigger, callback


def _conversation_message(message: Message, now: datetime) -> dict[str, object]:
    has_contact = "conversation_mode" in message.oddities
    identity = {"channel": message.channel, "identity": message.sender, "app_id": ""}
    return {
        "id": message.message_id,
        "direction": "TO_APP",
        "contact_message": CONVERSATION_KINDS[message.kind](message),
        "channel_identity": identity,
        "conversation_id": new_id() if has_contact else "",
        "contact_id": new_id() if has_contact else "",
        "metadata": "",
        "accept_time": timestamp(now),
        "sender_id": BUSINESS_NUMBER,
        "processing_mode": "CONVERSATION" if has_contact else "DISPATCH",
        "injected": "injected" in message.oddities,
    }


CONVERSATION_KINDS: dict[str, Callable[[Message], object]] = {
    "text": lambda message: {"text_message": {"text": message.text}},
    "button": lambda message: {
        "choice_response_message": {"message_id": new_id(), "postback_data": message.payload}
    },
    "image": lambda message: {"media_message": {"url": "http://127.0.0.1/image"}},
    "unknown": lambda message: {
        "fallback_message": {"raw_message": "", "reason": {"code": "UNKNOWN"}}
    },
}

KINDS = {
    PEPIPOST: tuple(PEPIPOST_KINDS),
    SINCH_CONVERSATION: (*CONVERSATION_KINDS, *TRIGGER_OF_ACTION),
    SINCH_WHATSAPP: tuple(WHATSAPP_KINDS),
}


def read_provider(value: object) -> str:
    if not isinstance(value, str) or value not in PROVIDERS:
        raise ValueError(f"provider must be one of {', '.join(PROVIDERS)}")
    return value

"""What is heard of a callback of the standalone Sinch WhatsApp API."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from providers import registry, signing
from providers.contract import Contradiction, MessageHeard, NothingHeard
from providers.errors import InvalidSignatureError, UnreadableError
from tests.providers.examples import account

NOW = datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC)
KEY = "example-hmac-key"
NUMBER = "447700900123"
LISTENER = registry.listener("sinch_whatsapp")


def at_sinch():
    made = account("sinch_whatsapp", "http://127.0.0.1:9")
    made.credentials["callback_key"] = KEY
    return made


def notice(message, **more):
    return {
        "from": NUMBER,
        "to": "example-bot",
        "message_id": "01HZWAMSG0000000000000001",
        "message": message,
        "timestamp": "2026-02-03T10:15:30Z",
        **more,
    }


def status(state="failed", details="", **more):
    return {
        "status": "failure",
        "state": state,
        "message_id": "01HZOUT000000000000000001",
        "details": details,
        "recipient": f"+{NUMBER}",
        "timestamp": "2026-02-03T10:15:30Z",
        **more,
    }


def hear(*notices, statuses=(), **more):
    content = {"type": "whatsapp", "notifications": list(notices), **more}
    if statuses:
        content["statuses"] = list(statuses)
    return LISTENER.hear(at_sinch(), json.dumps(content).encode())


# --- signatures


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_signature_is_taken_in_either_encoding(encoding):
    headers = signing.sign_whatsapp(KEY, b"{}", nonce="4f1c2d", encoding=encoding)
    assert LISTENER.verify(at_sinch(), headers, b"{}", now=NOW) == "4f1c2d"


def test_a_signature_with_another_key_is_refused():
    headers = signing.sign_whatsapp("another", b"{}", nonce="4f1c2d")
    with pytest.raises(InvalidSignatureError):
        LISTENER.verify(at_sinch(), headers, b"{}", now=NOW)


def test_another_algorithm_is_refused():
    headers = signing.sign_whatsapp(KEY, b"{}", nonce="4f1c2d")
    headers[f"{signing.WHATSAPP}-algorithm"] = "HmacSHA256"
    with pytest.raises(InvalidSignatureError):
        LISTENER.verify(at_sinch(), headers, b"{}", now=NOW)


# --- messages


def test_a_text_is_heard_with_its_id_and_time():
    [heard] = hear(notice({"type": "text", "body": "STOP"}))
    assert heard == MessageHeard(
        channel="WHATSAPP",
        identity=NUMBER,
        message_id="01HZWAMSG0000000000000001",
        received_at=NOW,
        text="STOP",
        also=[],
    )


def test_a_template_button_is_heard_by_payload_and_text():
    [heard] = hear(notice({"type": "button", "index": "0", "text": "Stop", "payload": "out"}))
    assert (heard.payload, heard.title) == ("out", "Stop")


@pytest.mark.parametrize("kind", ["button", "list"])
def test_an_interactive_reply_is_heard_by_id_and_title(kind):
    reply = {"type": kind, "id": "optout_all", "title": "Stop messages"}
    [heard] = hear(notice({"type": "interactive", "message": reply}))
    assert (heard.payload, heard.title) == ("optout_all", "Stop messages")


@pytest.mark.parametrize("kind", ["image", "location", "unknown", "live_location_of_2027"])
def test_a_message_of_any_kind_is_a_message(kind):
    [heard] = hear(notice({"type": kind}))
    assert isinstance(heard, MessageHeard)


@pytest.mark.parametrize("kind", ["image", "video", "document"])
def test_words_under_a_picture_are_heard(kind):
    [heard] = hear(notice({"type": kind, "url": "http://x.example", "caption": "stop"}))
    assert heard.text == "stop"


def test_what_is_said_beside_a_message_is_no_part_of_it():
    """A reply may name a message without its id; later years added keys of their own."""
    beside = {
        "replying_to": {"from": "447700900999"},
        "forwarded": True,
        "frequently_forwarded": False,
        "referral": {"source_url": "http://x.example"},
    }
    [heard] = hear(notice({"type": "text", "body": "STOP"}, **beside), conversation={"id": "c"})
    assert (heard.text, heard.message_id) == ("STOP", "01HZWAMSG0000000000000001")


@pytest.mark.parametrize("kind", ["deleted", "system", "error", "DELETED"])
def test_notices_are_no_messages(kind):
    [heard] = hear(notice({"type": kind, "body": "STOP", "details": "x"}))
    assert isinstance(heard, NothingHeard)


def test_several_messages_and_reports_in_one_callback_are_all_heard():
    first = notice({"type": "text", "body": "one"}, message_id="m-1")
    second = notice({"type": "text", "body": "two"}, message_id="m-2", **{"from": "447700900124"})
    heard = hear(first, second, statuses=[status("no_opt_in"), status("delivered")])
    assert [one.text for one in heard[:2]] == ["one", "two"]
    assert heard[2].contradiction == Contradiction.NOT_OPTED_IN
    assert isinstance(heard[3], NothingHeard)


def test_an_id_of_whatsapps_own_beside_the_number_is_heard_as_the_same_person():
    contacts = [{"profile": {"name": "Asha"}, "wa_id": "GB.1349abc"}]
    [heard] = hear(notice({"type": "text", "body": "hi"}), contacts=contacts)
    assert heard.also == [("WHATSAPP", "GB.1349abc")]


@pytest.mark.parametrize(
    "contacts",
    [
        [],
        None,
        [{"wa_id": NUMBER}],
        [{"wa_id": "447700900777"}],
        [{"wa_id": "GB.1349abc"}, {"wa_id": "GB.1349abd"}],
        [{}],
    ],
)
def test_no_other_name_is_taken_for_the_same_person(contacts):
    [heard] = hear(notice({"type": "text", "body": "hi"}), contacts=contacts)
    assert heard.also == []


def test_with_two_people_in_a_callback_nobody_gets_the_others_name():
    first = notice({"type": "text", "body": "one"})
    second = notice({"type": "text", "body": "two"}, **{"from": "447700900124"})
    heard = hear(first, second, contacts=[{"wa_id": "GB.1349abc"}])
    assert [one.also for one in heard] == [[], []]


# --- delivery reports


def test_no_opt_in_contradicts_the_record():
    [heard] = hear(statuses=[status("no_opt_in", f"+{NUMBER} has no opt-in")])
    assert (heard.contradiction, heard.identity) == (Contradiction.NOT_OPTED_IN, f"+{NUMBER}")
    assert heard.text == "+447*******23 has no opt-in"


def test_metas_131050_is_a_person_who_stopped_marketing():
    [heard] = hear(statuses=[status(details="error 131050")])
    assert heard.contradiction == Contradiction.STOPPED_MARKETING


@pytest.mark.parametrize("state", ["queued", "delivered", "failed", "no_capability", "new"])
def test_other_states_say_nothing_about_consent(state):
    [heard] = hear(statuses=[status(state, "131047 more than 24 hours")])
    assert isinstance(heard, NothingHeard)


# --- what else comes


@pytest.mark.parametrize(
    "body", [b"", b"hello", b"[]", b'{"greeting": 1}', b"{" * 100_000, b"\xff"]
)
def test_what_is_no_callback_is_unreadable(body):
    with pytest.raises(UnreadableError):
        LISTENER.hear(at_sinch(), body)


@pytest.mark.parametrize("part", [None, [], 7, "text", [7], {}])
def test_no_part_of_another_type_is_a_mistake_of_ours(part):
    hear(notice(part), statuses=[status(part, part, recipient=part)], contacts=part)
    hear(notice({"type": part, "message": part}, **{"from": part, "timestamp": part}))
    LISTENER.hear(at_sinch(), json.dumps({"type": part, "notifications": part}).encode())


def test_an_empty_callback_is_nothing():
    assert all(isinstance(one, NothingHeard) for one in hear())

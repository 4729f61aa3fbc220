import base64
import hashlib
import hmac
import json
import queue
from datetime import UTC, datetime
from typing import Any

import pytest

from providers.sandbox.callbacks import is_loopback
from providers.sandbox.signatures import sign_conversation, sign_whatsapp
from tests.providers.callback_receiver import Received
from tests.providers.callback_receiver import receiver as receiver
from tests.providers.sandbox_client import APP, register, registration
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

NUMBER = "447700900123"
SECRET = "example-webhook-secret"

CONVERSATION_VECTOR = (
    b'{"app_id":"01HZCONSENTAPP000000000001","accepted_time":"2026-02-03T10:15:30.123456Z",'
    b'"event_time":"2026-02-03T10:15:29.900Z","project_id":"7d2f1c1e-0b6c-4f5e-9a1d-3f2f5a6b7c8d",'
    b'"opt_out_notification":{"request_id":"01HZREQ0000000000000000001","contact_id":"",'
    b'"channel":"WHATSAPP","identity":"447700900123","status":"OPT_OUT_SUCCEEDED",'
    b'"processing_mode":"DISPATCH"},"message_metadata":"","correlation_id":""}'
)
WHATSAPP_VECTOR = (
    b'{"type":"whatsapp","contacts":[{"profile":{"name":"Asha"},"wa_id":"447700900123"}],'
    b'"notifications":[{"from":"447700900123","to":"example-bot",'
    b'"message_id":"01HZWAMSG0000000000000001","message":{"type":"text","body":"STOP"},'
    b'"timestamp":"2026-02-03T10:15:30Z"}]}'
)


def test_the_conversation_signature_matches_the_known_vector() -> None:
    now = datetime.fromtimestamp(1770113730, UTC)

    headers = sign_conversation(
        SECRET, CONVERSATION_VECTOR, "01HZNONCE00000000000000001", now, "hex"
    )

    assert headers["x-sinch-webhook-signature"] == "gpx0vffNeem8zTMNkztXgxbynBUbC5pOtir4shLDxj8="
    assert headers["x-sinch-webhook-signature-timestamp"] == "1770113730"


@pytest.mark.parametrize(
    ("encoding", "signature"),
    [
        ("hex", "8f7b6e9b8488e666767ba81800d530e99ff40b87c33035e9e8acf0dd9869d098"),
        ("base64", "j3tum4SI5mZ2e6gYANUw6Z/0C4fDMDXp6Kzw3Zhp0Jg="),
    ],
)
def test_the_whatsapp_signature_matches_the_known_vector(encoding: str, signature: str) -> None:
    now = datetime.now(UTC)

    headers = sign_whatsapp("example-hmac-key", WHATSAPP_VECTOR, "4f1c2d", now, encoding)

    assert headers["sinch-whatsapp-callback-signature"] == signature


def listen(sandbox: RunningSandbox, receiver: Received, provider: str, **more: Any) -> None:
    timing = {"delay_seconds": 0, "retry_seconds": 0.01}
    sandbox.listen(provider, receiver.url, SECRET, **(timing | more))


def take_json(receiver: Received) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(receiver.take()[1])
    return parsed


def is_signed(headers: dict[str, str], body: bytes) -> bool:
    nonce = headers["x-sinch-webhook-signature-nonce"].encode()
    stamp = headers["x-sinch-webhook-signature-timestamp"].encode()
    digest = hmac.new(SECRET.encode(), b".".join((body, nonce, stamp)), hashlib.sha256).digest()
    return headers["x-sinch-webhook-signature"] == base64.b64encode(digest).decode()


def test_the_result_of_a_registration_comes_signed(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")

    answer = register(sandbox.url, "optins", registration(NUMBER)).json()
    headers, body = receiver.take()

    assert is_signed(headers, body)
    assert json.loads(body)["app_id"] == APP
    assert json.loads(body)["opt_in_notification"] == {
        "request_id": answer["request_id"],
        "contact_id": "",
        "channel": "WHATSAPP",
        "identity": NUMBER,
        "status": "OPT_IN_SUCCEEDED",
        "processing_mode": "DISPATCH",
    }


def test_an_opt_out_has_its_own_key_and_status(sandbox: RunningSandbox, receiver: Received) -> None:
    listen(sandbox, receiver, "sinch_conversation")

    register(sandbox.url, "optouts", registration(NUMBER))

    assert take_json(receiver)["opt_out_notification"]["status"] == "OPT_OUT_SUCCEEDED"


def test_a_channel_without_support_reports_unspecified(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")

    register(sandbox.url, "optins", registration("46732001122", "SMS"))

    event = take_json(receiver)["opt_in_notification"]
    assert (event["channel"], event["status"]) == ("SMS", "OPT_IN_STATUS_UNSPECIFIED")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("callback_failed", "OPT_IN_FAILED"),
        ("callback_unspecified", "OPT_IN_STATUS_UNSPECIFIED"),
    ],
)
def test_a_registration_that_fails_changes_nothing(
    sandbox: RunningSandbox, receiver: Received, fault: str, status: str
) -> None:
    listen(sandbox, receiver, "sinch_conversation")
    sandbox.fault("sinch_conversation", fault)

    register(sandbox.url, "optins", registration(NUMBER))

    event = take_json(receiver)["opt_in_notification"]
    assert event["status"] == status
    assert ("error_details" in event) == (status == "OPT_IN_FAILED")
    assert sandbox.state("sinch_conversation") == {}
    assert sandbox.calls()[-1]["applied"] is False


def test_oddities_of_one_callback_come_together(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")
    names = ("wrong_key", "no_identity", "no_event_time", "no_request_id", "unsigned")
    for name in names:
        sandbox.fault("sinch_conversation", f"callback_{name}")

    register(sandbox.url, "optins", registration(NUMBER))
    headers, body = receiver.take()

    event = json.loads(body)["opt_out_notification"]
    assert event["status"] == "OPT_IN_SUCCEEDED"
    assert not {"identity", "request_id"} & set(event)
    assert "event_time" not in json.loads(body)
    assert "x-sinch-webhook-signature" not in headers


def test_a_bad_signature_is_made_with_another_secret(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")
    sandbox.fault("sinch_conversation", "callback_bad_signature")

    register(sandbox.url, "optins", registration(NUMBER))

    assert not is_signed(*receiver.take())


def test_a_duplicate_is_the_same_to_the_byte(sandbox: RunningSandbox, receiver: Received) -> None:
    listen(sandbox, receiver, "sinch_conversation")
    sandbox.fault("sinch_conversation", "callback_duplicate")

    register(sandbox.url, "optins", registration(NUMBER))
    first, second = receiver.take(), receiver.take()

    nonce = "x-sinch-webhook-signature-nonce"
    assert (first[1], first[0][nonce]) == (second[1], second[0][nonce])


def test_a_callback_can_be_overtaken_by_a_later_one(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")
    sandbox.fault("sinch_conversation", "callback_out_of_order", count=1)

    register(sandbox.url, "optins", registration(NUMBER))
    register(sandbox.url, "optouts", registration(NUMBER))

    assert "opt_out_notification" in take_json(receiver)
    assert "opt_in_notification" in take_json(receiver)


def test_a_callback_can_stay_away(sandbox: RunningSandbox, receiver: Received) -> None:
    listen(sandbox, receiver, "sinch_conversation")
    sandbox.fault("sinch_conversation", "callback_never", count=1)

    register(sandbox.url, "optins", registration(NUMBER))
    register(sandbox.url, "optouts", registration(NUMBER))

    assert "opt_out_notification" in take_json(receiver)
    with pytest.raises(queue.Empty):
        receiver.posts.get_nowait()


def test_a_failed_post_is_tried_again_and_a_refused_one_is_not(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")
    receiver.statuses = [503, 429, 401]

    register(sandbox.url, "optins", registration(NUMBER))
    bodies = {receiver.take()[1] for _ in range(3)}
    register(sandbox.url, "optouts", registration(NUMBER))

    assert len(bodies) == 1
    assert sandbox.core.callbacks.wait_for_tries(4, timeout=5)
    assert [tried["status"] for tried in sandbox.tries()] == [503, 429, 401, 200]


def test_nobody_listening_is_noted_and_ends_after_five_tries(sandbox: RunningSandbox) -> None:
    sandbox.listen("pepipost", "http://127.0.0.1:1/", retry_seconds=0)
    sandbox.inbound("pepipost", from_=NUMBER, text="STOP")

    assert sandbox.core.callbacks.wait_for_tries(5, timeout=5)
    sandbox.core.close()
    assert [tried["attempt"] for tried in sandbox.tries()] == [1, 2, 3, 4, 5]
    assert {tried["error"] for tried in sandbox.tries()} == {"ConnectionRefusedError"}


def test_a_message_over_pepipost_has_its_shape_and_the_fixed_header(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "pepipost", header_name="X-Key", header_value="fixed")

    sandbox.inbound("pepipost", from_=NUMBER, text="STOP", message_id="m1", sent_at=1770113730)
    headers, body = receiver.take()

    [message] = json.loads(body)["incoming_message"]
    assert headers["x-key"] == "fixed"
    assert (message["from"], message["message_type"]) == (NUMBER, "TEXT")
    assert (message["message_id"], message["received_at"]) == ("m1", "1770113730")
    assert message["text_type"] == {"text": "STOP"}


def test_pepiposts_oddities_are_switches(sandbox: RunningSandbox, receiver: Received) -> None:
    listen(sandbox, receiver, "pepipost")
    oddities = ["text_as_array", "no_message_type", "null_context", "no_to"]

    sandbox.inbound("pepipost", from_=NUMBER, text="STOP", oddities=oddities)

    [message] = take_json(receiver)["incoming_message"]
    assert message["text_type"] == [{"text": "STOP"}]
    assert message["context"] is None
    assert not {"message_type", "to"} & set(message)


def test_a_button_reply_over_pepipost_has_id_and_title(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "pepipost")

    sandbox.inbound("pepipost", from_=NUMBER, text="Stop messages", kind="button", payload="out")

    [message] = take_json(receiver)["incoming_message"]
    assert message["interactive_type"] == {
        "type": "button_reply",
        "button_reply": {"id": "out", "title": "Stop messages"},
    }


@pytest.mark.parametrize("provider", ["pepipost", "sinch_whatsapp"])
def test_several_messages_come_in_one_callback(
    sandbox: RunningSandbox, receiver: Received, provider: str
) -> None:
    listen(sandbox, receiver, provider)
    messages = [{"from": NUMBER, "text": text} for text in ("hello", "STOP")]

    sandbox.inbound(provider, messages=messages)

    key = {"pepipost": "incoming_message", "sinch_whatsapp": "notifications"}[provider]
    assert len(take_json(receiver)[key]) == 2


def test_a_message_over_sinch_whatsapp_is_signed(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_whatsapp")

    sandbox.inbound("sinch_whatsapp", from_=NUMBER, text="STOP", sent_at="2026-02-03T10:15:30Z")
    headers, body = receiver.take()

    nonce = headers["sinch-whatsapp-callback-signature-nonce"]
    digest = hmac.new(SECRET.encode(), body + b"." + nonce.encode(), hashlib.sha256)
    assert headers["sinch-whatsapp-callback-signature"] == digest.hexdigest()
    [notice] = json.loads(body)["notifications"]
    assert (notice["from"], notice["to"]) == (NUMBER, "sandbox-bot")
    assert notice["message"] == {"type": "text", "body": "STOP"}
    assert notice["timestamp"] == "2026-02-03T10:15:30.000000Z"


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("deleted", {"type": "deleted"}),
        ("system", {"type": "system", "body": "t"}),
        ("error", {"type": "error", "details": "t"}),
        ("template_button", {"type": "button", "index": "0", "text": "t", "payload": "p"}),
        (
            "list",
            {"type": "interactive", "message": {"type": "list", "id": "p", "title": "t"}},
        ),
    ],
)
def test_every_kind_of_sinch_whatsapp_message_has_its_shape(
    sandbox: RunningSandbox, receiver: Received, kind: str, message: object
) -> None:
    listen(sandbox, receiver, "sinch_whatsapp")

    sandbox.inbound("sinch_whatsapp", from_=NUMBER, text="t", payload="p", kind=kind)

    assert take_json(receiver)["notifications"][0]["message"] == message


def test_a_message_over_sinch_conversation_has_its_shape(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")

    sandbox.inbound(
        "sinch_conversation", from_=NUMBER, text="STOP", oddities=["injected", "no_event_time"]
    )
    headers, body = receiver.take()

    message = json.loads(body)["message"]
    assert is_signed(headers, body)
    assert message["contact_message"] == {"text_message": {"text": "STOP"}}
    assert message["channel_identity"]["identity"] == NUMBER
    assert (message["direction"], message["injected"]) == ("TO_APP", True)
    assert "event_time" not in json.loads(body)


def test_an_opt_out_that_nobody_registered_has_no_request_id(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")

    sandbox.inbound("sinch_conversation", from_=NUMBER, kind="opt_out")

    event = take_json(receiver)["opt_out_notification"]
    assert (event["identity"], event["status"]) == (NUMBER, "OPT_OUT_SUCCEEDED")
    assert "request_id" not in event


def test_any_body_can_be_sent_signed_and_several_times(
    sandbox: RunningSandbox, receiver: Received
) -> None:
    listen(sandbox, receiver, "sinch_conversation")

    sandbox.inbound("sinch_conversation", body={"unsupported_callback": {}}, copies=2)

    for headers, body in (receiver.take(), receiver.take()):
        assert is_signed(headers, body)
        assert json.loads(body) == {"unsupported_callback": {}}


@pytest.mark.parametrize(
    "wish",
    [
        {"provider": "nobody"},
        {"provider": "pepipost"},
        {"provider": "pepipost", "from": ""},
        {"provider": "pepipost", "from": NUMBER, "kind": "carrier pigeon"},
        {"provider": "pepipost", "from": NUMBER, "text": 1},
        {"provider": "pepipost", "from": NUMBER, "oddities": ["injected"]},
        {"provider": "pepipost", "from": NUMBER, "oddities": [[]]},
        {"provider": "pepipost", "from": NUMBER, "sent_at": "soon"},
        {"provider": "pepipost", "from": NUMBER, "sent_at": []},
        {"provider": "pepipost", "from": NUMBER, "sent_at": 1e300},
        {"provider": "pepipost", "from": NUMBER, "copies": 1000},
        {"provider": "pepipost", "from": NUMBER, "delay_seconds": -1},
        {"provider": "pepipost", "messages": []},
        {"provider": "sinch_whatsapp", "from": NUMBER},
    ],
)
def test_a_nonsensical_message_is_refused(
    sandbox: RunningSandbox, receiver: Received, wish: dict[str, Any]
) -> None:
    listen(sandbox, receiver, "pepipost")

    with pytest.raises(ValueError, match=r"."):
        sandbox.ask("POST", "/sandbox/inbound", wish)
    assert receiver.posts.empty()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000/x", True),
        ("http://localhost/x", True),
        ("http://[::1]:8000/", True),
        ("https://127.0.0.1/", False),
        ("http://192.0.2.1/", False),
        ("http://example.org/", False),
        ("http://127.0.0.1:99999/", False),
        ("http://127.0.0.1.example.org/", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_callbacks_go_to_this_machine_only(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"provider": "pepipost", "url": "http://192.0.2.1/"},
        {"provider": "pepipost", "url": 1},
        {"provider": "pepipost", "url": "http://127.0.0.1/", "colour": "red"},
        {"provider": "pepipost", "url": "http://127.0.0.1/", "delay_seconds": "1"},
        {"provider": "pepipost", "url": "http://127.0.0.1/", "encoding": "rot13"},
        {"provider": "pepipost", "url": "http://127.0.0.1/", "header_value": "a\r\nb"},
    ],
)
def test_a_nonsensical_callback_address_is_refused(
    sandbox: RunningSandbox, wish: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        sandbox.ask("POST", "/sandbox/callbacks", wish)
    assert sandbox.core.callbacks.targets() == []

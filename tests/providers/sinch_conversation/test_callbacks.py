"""What is heard of a Sinch Conversation callback: its signature, its one event, its oddities."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from providers import registry, signing
from providers.contract import (
    Contradiction,
    ContradictionHeard,
    Kind,
    MessageHeard,
    NothingHeard,
    Result,
    ResultHeard,
)
from providers.errors import InvalidSignatureError, UnreadableError
from tests.providers.examples import APP_ID, account

NOW = datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC)
SECRET = "example-webhook-secret"
NUMBER = "447700900123"
LISTENER = registry.listener("sinch_conversation")


def at_sinch(**settings):
    made = account("sinch_conversation", "http://127.0.0.1:9", **settings)
    made.credentials["callback_secret"] = SECRET
    return made


def callback(**event):
    return {
        "app_id": APP_ID,
        "project_id": "7d2f1c1e-0b6c-4f5e-9a1d-3f2f5a6b7c8d",
        "accepted_time": "2026-02-03T10:15:30.123456Z",
        "event_time": "2026-02-03T10:15:29.900Z",
        "message_metadata": "",
        "correlation_id": "",
        **event,
    }


def notification(key="opt_in_notification", status="OPT_IN_SUCCEEDED", **event):
    content = {"request_id": "r-1", "contact_id": "", "channel": "WHATSAPP", "identity": NUMBER}
    return callback(**{key: {**content, "status": status, "processing_mode": "DISPATCH", **event}})


def message(content, **more):
    return callback(
        message={
            "id": "01HZMSG0000000000000000001",
            "direction": "TO_APP",
            "contact_message": content,
            "channel_identity": {"channel": "WHATSAPP", "identity": NUMBER, "app_id": ""},
            "accept_time": "2026-02-03T10:20:00.001Z",
            "injected": False,
            **more,
        }
    )


def report(status="FAILED", **reason):
    return callback(
        message_delivery_report={
            "message_id": "01HZOUT000000000000000001",
            "status": status,
            "channel_identity": {"channel": "WHATSAPP", "identity": NUMBER},
            "reason": reason,
        }
    )


def hear(content, **settings):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    [heard] = LISTENER.hear(at_sinch(**settings), body)
    return heard


# --- signatures


def headers(body=b"{}", at=NOW, secret=SECRET, nonce="01HZNONCE00000000000000001"):
    return signing.sign_conversation(secret, body, nonce=nonce, timestamp=int(at.timestamp()))


def verify(headers, body=b"{}", **settings):
    return LISTENER.verify(at_sinch(**settings), headers, body, now=NOW)


def test_a_good_signature_gives_its_nonce():
    assert verify(headers()) == "01HZNONCE00000000000000001"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (headers(secret="another"), "signature_mismatch"),
        (headers(body=b"{ }"), "signature_mismatch"),
        ({}, "signature_missing"),
        ({**headers(), f"{signing.CONVERSATION}-algorithm": "HmacSHA1"}, "signature_algorithm"),
        (headers(at=NOW - timedelta(seconds=301)), "signature_stale"),
        (headers(at=NOW + timedelta(seconds=301)), "signature_stale"),
    ],
)
def test_a_signature_that_is_not_right_is_refused(wrong, code):
    with pytest.raises(InvalidSignatureError) as refused:
        verify(wrong)
    assert refused.value.code == code


@pytest.mark.parametrize("seconds", [3600, "3600"])
def test_how_old_a_signature_may_be_is_a_setting(seconds):
    assert verify(headers(at=NOW - timedelta(minutes=50)), replay_seconds=seconds)


@pytest.mark.parametrize("nonsense", ["", "soon", 0, -5, None, [], "nan", "inf"])
def test_a_replay_window_that_is_none_is_five_minutes(nonsense):
    with pytest.raises(InvalidSignatureError):
        verify(headers(at=NOW - timedelta(minutes=6)), replay_seconds=nonsense)


def test_without_a_secret_nothing_can_be_verified():
    unconfigured = account("sinch_conversation", "http://127.0.0.1:9")
    assert not LISTENER.is_signed(unconfigured)
    assert LISTENER.is_signed(at_sinch())


# --- results


@pytest.mark.parametrize(
    ("status", "kind", "result"),
    [
        ("OPT_IN_SUCCEEDED", Kind.OPT_IN, Result.SUCCEEDED),
        ("OPT_IN_FAILED", Kind.OPT_IN, Result.REJECTED),
        ("OPT_IN_STATUS_UNSPECIFIED", Kind.OPT_IN, Result.UNSUPPORTED),
        ("OPT_OUT_SUCCEEDED", Kind.OPT_OUT, Result.SUCCEEDED),
        ("OPT_OUT_FAILED", Kind.OPT_OUT, Result.REJECTED),
        ("OPT_OUT_STATUS_UNSPECIFIED", Kind.OPT_OUT, Result.UNSUPPORTED),
    ],
)
def test_each_status_has_its_result(status, kind, result):
    key = f"{kind.value}_notification"
    assert hear(notification(key, status)) == ResultHeard(
        kind=kind,
        result=result,
        channel="WHATSAPP",
        identity=NUMBER,
        request_id="r-1",
        occurred_at=datetime(2026, 2, 3, 10, 15, 29, 900000, UTC),
    )


def test_under_the_wrong_key_the_status_decides():
    """Sinch's opt-in page of 2021 shows an opt-in's result as an `opt_out_notification`."""
    assert hear(notification("opt_out_notification", "OPT_IN_SUCCEEDED")).kind == Kind.OPT_IN


def test_a_status_without_its_prefix_leaves_it_to_the_key():
    heard = hear(notification("opt_out_notification", "STATUS_UNSPECIFIED"))
    assert (heard.kind, heard.result) == (Kind.OPT_OUT, Result.UNSUPPORTED)


@pytest.mark.parametrize(
    ("status", "kind", "result"),
    [
        ("OPT_IN_SUCCEEDED", Kind.OPT_IN, Result.SUCCEEDED),
        ("OPT_OUT_FAILED", Kind.OPT_OUT, Result.REJECTED),
        ("OPT_OUT_STATUS_UNSPECIFIED", Kind.OPT_OUT, Result.UNSUPPORTED),
    ],
)
def test_the_pages_own_notification_without_an_envelope_is_heard(status, kind, result):
    sample = {"contact_id": "c-1", "channel": "WHATSAPP", "identity": NUMBER, "status": status}
    assert hear(sample) == ResultHeard(
        kind=kind, result=result, channel="WHATSAPP", identity=NUMBER
    )


@pytest.mark.parametrize("content", [notification(status="OPT_IN_MAYBE"), {"status": "OPT_IN_"}])
def test_a_status_nobody_knows_is_unreadable(content):
    with pytest.raises(UnreadableError) as refused:
        hear(content)
    assert refused.value.code == "unknown_status"


@pytest.mark.parametrize("status", ["opt_in_succeeded", " OPT_IN_SUCCEEDED "])
def test_the_case_of_a_status_is_nothing(status):
    assert hear(notification(status=status)).result == Result.SUCCEEDED


def test_an_event_of_tomorrow_with_a_status_of_its_own_is_nothing():
    assert hear(callback(weather_event={}, status="SUNNY")) == NothingHeard("status, weather_event")


def test_a_missing_or_empty_identity_is_none():
    content = notification()
    del content["opt_in_notification"]["identity"]
    assert hear(content).identity is None
    assert hear(notification(identity="")).identity is None


def test_a_failure_is_told_in_the_providers_words_without_the_number():
    details = {"description": f"{NUMBER} is unknown"}
    heard = hear(notification(status="OPT_IN_FAILED", error_details=details))
    assert heard.text == "447*******23 is unknown"


@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("2026-02-03T10:15:29Z", datetime(2026, 2, 3, 10, 15, 29, tzinfo=UTC)),
        ("2026-02-03T10:15:29.900Z", datetime(2026, 2, 3, 10, 15, 29, 900000, UTC)),
        ("2026-02-03T10:15:29.900001Z", datetime(2026, 2, 3, 10, 15, 29, 900001, UTC)),
        ("2026-02-03T10:15:29.123456789Z", datetime(2026, 2, 3, 10, 15, 29, 123456, UTC)),
        ("2026-02-03T11:15:29+01:00", datetime(2026, 2, 3, 10, 15, 29, tzinfo=UTC)),
    ],
)
def test_times_are_read_with_however_many_digits(time, moment):
    assert hear(notification() | {"event_time": time}).occurred_at == moment


@pytest.mark.parametrize("time", [None, "", "soon", 7, "2026-02-03T10:15:29"])
def test_without_an_event_time_the_accepted_time_counts(time):
    heard = hear(notification() | {"event_time": time})
    assert heard.occurred_at == datetime(2026, 2, 3, 10, 15, 30, 123456, UTC)


def test_without_any_time_there_is_none():
    content = notification()
    del content["event_time"], content["accepted_time"]
    assert hear(content).occurred_at is None


@pytest.mark.parametrize(
    ("word", "channel"), [("VIBERBM", "VIBER"), ("VIBER", "VIBER"), ("KAKAOTALKCHAT", "KAKAOTALK")]
)
def test_channels_have_our_names(word, channel):
    assert hear(notification(channel=word)).channel == channel


def test_a_channel_unknown_here_keeps_its_name():
    assert hear(notification(channel="SMOKE")).channel == "SMOKE"


# --- messages


def test_a_text_is_heard_with_its_id_and_the_channels_time():
    heard = hear(message({"text_message": {"text": "STOP"}}))
    assert heard == MessageHeard(
        channel="WHATSAPP",
        identity=NUMBER,
        message_id="01HZMSG0000000000000000001",
        received_at=datetime(2026, 2, 3, 10, 15, 29, 900000, UTC),
        text="STOP",
    )


def test_a_pressed_button_is_heard_by_its_payload():
    reply = {"message_id": "x", "postback_data": "optout_all"}
    assert hear(message({"choice_response_message": reply})).payload == "optout_all"


def test_what_is_said_beside_a_message_is_no_part_of_it():
    """A reply names the message it answers; projects, conversations and contacts may be empty."""
    content = {"text_message": {"text": "STOP"}, "reply_to": {"message_id": "01HZOUT"}}
    beside = {"conversation_id": "", "contact_id": "", "metadata": "", "sender_id": "447700900999"}
    heard = hear(message(content, **beside) | {"project_id": ""})
    assert (heard.text, heard.message_id) == ("STOP", "01HZMSG0000000000000000001")


def test_words_under_a_picture_are_heard():
    card = {"media_card_message": {"url": "http://x.example", "caption": "stop"}}
    assert hear(message(card)).text == "stop"


@pytest.mark.parametrize("content", [{"fallback_message": {"raw_message": ""}}, {"dance": {}}])
def test_a_message_of_any_kind_is_a_message(content):
    assert isinstance(hear(message(content)), MessageHeard)


@pytest.mark.parametrize(
    "more", [{"injected": True}, {"direction": "TO_CONTACT"}, {"contact_message": None}]
)
def test_what_no_person_wrote_is_no_message(more):
    assert isinstance(hear(message({"text_message": {"text": "STOP"}}, **more)), NothingHeard)


def test_without_an_event_time_the_message_was_written_when_sinch_took_it():
    content = message({"text_message": {"text": "hi"}})
    del content["event_time"]
    assert hear(content).received_at == datetime(2026, 2, 3, 10, 20, 0, 1000, UTC)


def test_a_message_without_an_id_gets_the_same_one_each_time():
    first, second = (hear(message({"text_message": {"text": "STOP"}}, id="")) for _ in range(2))
    other = hear(message({"text_message": {"text": "START"}}, id=""))
    assert first.message_id == second.message_id != other.message_id
    assert NUMBER not in first.message_id


# --- delivery reports


def test_a_report_that_nobody_opted_in_contradicts_the_record():
    heard = hear(report(code="RECIPIENT_NOT_OPTED_IN", description=f"{NUMBER} not opted in"))
    assert heard == ContradictionHeard(
        contradiction=Contradiction.NOT_OPTED_IN,
        channel="WHATSAPP",
        identity=NUMBER,
        code="RECIPIENT_NOT_OPTED_IN",
        text="447*******23 not opted in",
        occurred_at=datetime(2026, 2, 3, 10, 15, 29, 900000, UTC),
        reference="01HZOUT000000000000000001",
    )


@pytest.mark.parametrize("where", ["channel_code", "description"])
def test_metas_131050_is_a_person_who_stopped_marketing(where):
    heard = hear(report(code="DELIVERY_REJECTED_DUE_TO_POLICY", **{where: "131050"}))
    assert (heard.contradiction, heard.code) == (Contradiction.STOPPED_MARKETING, "131050")


@pytest.mark.parametrize(
    "reason",
    [
        {"code": "OUTSIDE_ALLOWED_SENDING_WINDOW", "description": "131047"},
        {"code": "RECIPIENT_NOT_REACHABLE", "channel_code": "131026"},
        {"code": "UNKNOWN", "description": "trace 91310502"},
    ],
)
def test_other_failures_say_nothing_about_consent(reason):
    assert isinstance(hear(report(**reason)), NothingHeard)


def test_a_message_that_arrived_says_nothing_about_consent():
    assert isinstance(hear(report("DELIVERED", code="RECIPIENT_NOT_OPTED_IN")), NothingHeard)


# --- what else comes


@pytest.mark.parametrize(
    "key",
    [
        "capability_notification",
        "contact_create_notification",
        "unsupported_callback",
        "something_of_2027",
    ],
)
def test_an_event_unknown_here_is_nothing_and_named(key):
    assert hear(callback(**{key: {"identity": NUMBER}})) == NothingHeard(key)


@pytest.mark.parametrize("app", [APP_ID.lower(), "", None])
def test_the_apps_case_is_nothing_and_it_may_be_missing(app):
    assert hear(notification() | {"app_id": app}).kind == Kind.OPT_IN


@pytest.mark.parametrize("app", ["01HZ0THERAPP0000000000000A", "x"])
def test_a_callback_of_another_app_is_not_believed(app):
    with pytest.raises(UnreadableError) as refused:
        hear(notification() | {"app_id": app})
    assert refused.value.code == "other_app"


@pytest.mark.parametrize(
    "body",
    [b"", b"hello", b"[]", b"7", b"null", b"{", b"\xff\xfe", b"[" * 200_000, b'{"greeting": "hi"}'],
)
def test_what_is_no_callback_is_unreadable(body):
    with pytest.raises(UnreadableError):
        hear(body)


@pytest.mark.parametrize("part", [None, [], 7, "text", [7], {}])
def test_no_part_of_another_type_is_a_mistake_of_ours(part):
    """Whatever else: no exception but the one for what cannot be read."""
    for content in (
        callback(message=part),
        callback(message_delivery_report=part),
        message(part),
        message({"text_message": part, "choice_response_message": part}),
        message({"text_message": {"text": part}}, channel_identity=part, id=part),
        report("FAILED") | {"message_delivery_report": {"status": "FAILED", "reason": part}},
        notification(identity=part, channel=part, error_details=part, request_id=part),
    ):
        assert hear(content)
    with pytest.raises(UnreadableError):
        hear(callback(opt_in_notification=part))

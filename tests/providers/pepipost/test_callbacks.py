"""What is heard of a Pepipost callback, as documented and as captured."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from providers import registry
from providers.contract import Contradiction, ContradictionHeard, MessageHeard, NothingHeard
from providers.errors import InvalidSignatureError, UnreadableError
from tests.providers.examples import account

NOW = datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC)
SECRET = "the-agreed-value"
NUMBER = "919869566055"
LISTENER = registry.listener("pepipost")


def at_pepipost(**settings):
    made = account("pepipost", "http://127.0.0.1:9", **settings)
    made.credentials["callback_secret"] = SECRET
    return made


def message(**fields):
    return {
        "from": NUMBER,
        "to": "447700900999",
        "from_name": "Asha",
        "message_id": "wamid.EXAMPLE0001",
        "message_type": "TEXT",
        "received_at": "1770113730",
        "context": {"ncmessage_id": "", "message_id": ""},
        "text_type": {"text": "STOP"},
        **fields,
    }


def report(remark, **fields):
    return {
        "ncmessage_id": "5e0c9c3e-0000-4000-8000-000000000001",
        "recipient": NUMBER,
        "status": "failed",
        "status_remark": remark,
        "received_at": "2026-02-03 15:45:30",
        "source": "x",
        **fields,
    }


def hear(content):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return LISTENER.hear(at_pepipost(), body)


def hear_message(**fields):
    [heard] = hear({"incoming_message": [message(**fields)]})
    return heard


# --- the agreed header


def test_the_agreed_header_lets_in():
    assert LISTENER.verify(at_pepipost(), {"x-callback-secret": SECRET}, b"", now=NOW) == ""


def test_the_name_of_the_header_is_a_setting():
    named = at_pepipost(callback_header="X-Netcore-Key")
    assert LISTENER.verify(named, {"x-netcore-key": SECRET}, b"", now=NOW) == ""
    with pytest.raises(InvalidSignatureError):
        LISTENER.verify(named, {"x-callback-secret": SECRET}, b"", now=NOW)


@pytest.mark.parametrize("value", ["", "another", SECRET[:-1], "é", "\udcff"])
def test_another_value_of_the_header_is_refused(value):
    with pytest.raises(InvalidSignatureError):
        LISTENER.verify(at_pepipost(), {"x-callback-secret": value}, b"", now=NOW)


# --- messages


def test_a_text_is_heard_with_its_id_and_time():
    assert hear_message() == MessageHeard(
        channel="WHATSAPP",
        identity=NUMBER,
        message_id="wamid.EXAMPLE0001",
        received_at=NOW,
        text="STOP",
    )


def test_the_documents_own_sample_without_recipient_or_name_is_heard():
    """Older than the captures: another form of id, no context, neither `to` nor `from_name`."""
    sample = message(message_id="ABEGkYaYVSEEAgo-sKD87hgxPHdF", context=None)
    del sample["to"], sample["from_name"]
    [heard] = hear({"incoming_message": [sample]})
    assert (heard.message_id, heard.text) == ("ABEGkYaYVSEEAgo-sKD87hgxPHdF", "STOP")


def test_several_messages_of_an_array_are_all_heard():
    messages = [message(message_id=f"m-{n}") for n in range(3)]
    assert [one.message_id for one in hear({"incoming_message": messages})] == ["m-0", "m-1", "m-2"]


def test_a_text_given_as_an_array_is_read():
    assert hear_message(text_type=[{"text": "STOP"}]).text == "STOP"


def test_without_a_message_type_the_content_that_is_there_counts():
    fields = message(interactive_type={"button_reply": {"id": "out", "title": "Stop"}})
    del fields["message_type"], fields["text_type"]
    [heard] = hear({"incoming_message": [fields]})
    assert (heard.payload, heard.title) == ("out", "Stop")


def test_a_text_without_a_message_type_is_read():
    fields = message()
    del fields["message_type"]
    [heard] = hear({"incoming_message": [fields]})
    assert heard.text == "STOP"


@pytest.mark.parametrize("word", ["text", "Text", "TEXT"])
def test_the_case_of_the_type_is_nothing(word):
    assert hear_message(message_type=word).text == "STOP"


@pytest.mark.parametrize("context", [None, {}, {"x-apiheader": "ours"}])
def test_whatever_the_context_the_message_is_heard(context):
    assert hear_message(context=context).text == "STOP"


@pytest.mark.parametrize("time", [1770113730, "1770113730"])
def test_the_time_may_be_a_number_or_a_text(time):
    assert hear_message(received_at=time).received_at == NOW


@pytest.mark.parametrize("time", [None, "", "2026-02-03 15:45:30", "-1", "9" * 30])
def test_a_time_that_cannot_be_read_is_none(time):
    assert hear_message(received_at=time).received_at is None


@pytest.mark.parametrize("kind", ["button_reply", "list_reply"])
def test_an_interactive_reply_is_heard_by_id_and_title(kind):
    reply = {"type": kind, kind: {"id": "optout_all", "title": "Stop messages"}}
    heard = hear_message(message_type="INTERACTIVE", interactive_type=reply)
    assert (heard.payload, heard.title) == ("optout_all", "Stop messages")


@pytest.mark.parametrize(
    "kind", ["IMAGE", "VIDEO", "AUDIO", "VOICE", "DOCUMENT", "LOCATION", "SOMETHING_OF_2027"]
)
def test_a_message_of_any_kind_is_a_message(kind):
    heard = hear_message(message_type=kind, **{f"{kind.lower()}_type": {"id": "m", "url": "u"}})
    assert (heard.message_id, heard.text) == ("wamid.EXAMPLE0001", "")


def test_words_under_a_picture_are_heard():
    heard = hear_message(message_type="IMAGE", image_type={"id": "m", "caption": "stop"})
    assert heard.text == "stop"


def test_a_templates_button_is_heard_by_its_text_in_whatever_shape_it_comes():
    """Nobody has written the shape down."""
    heard = hear_message(message_type="BUTTON", button_type={"text": "Stop", "payload": "out"})
    assert heard.text == "Stop"


def test_a_reaction_is_no_message_since_nobody_says_that_it_opens_the_window():
    content = {"message_type": "REACTION", "reaction_type": {"emoji": "x"}}
    assert isinstance(hear_message(**content), NothingHeard)


def test_a_message_without_an_id_gets_the_same_one_each_time():
    first, second = (hear_message(message_id="") for _ in range(2))
    assert first.message_id == second.message_id != hear_message(message_id=None).message_id


# --- delivery reports


@pytest.mark.parametrize("remark", ["8002", "8002: phone number is not opted in", "Not opted-in"])
def test_8002_contradicts_the_record(remark):
    [heard] = hear({"delivery_status": [report(remark)]})
    assert (heard.contradiction, heard.code) == (Contradiction.NOT_OPTED_IN, "8002")
    assert heard.reference == "5e0c9c3e-0000-4000-8000-000000000001"


def test_a_reports_time_without_a_zone_is_not_believed():
    [heard] = hear({"delivery_status": [report("8002")]})
    assert heard.occurred_at is None


def test_metas_131050_is_a_person_who_stopped_marketing():
    [heard] = hear({"delivery_status": [report("Meta said 131050")]})
    assert heard.contradiction == Contradiction.STOPPED_MARKETING


@pytest.mark.parametrize("remark", ["8007: outside 24 hours", "131047", "8003", "", "80021"])
def test_other_remarks_say_nothing_about_consent(remark):
    [heard] = hear({"delivery_status": [report(remark)]})
    assert isinstance(heard, NothingHeard)


def test_the_documents_own_sample_with_its_trailing_comma_is_read():
    body = b'{"delivery_status":[{"recipient":"919869566055","status_remark":"8002, or ,]",},]}'
    [heard] = hear(body)
    assert heard.contradiction == Contradiction.NOT_OPTED_IN
    assert heard.text == "8002, or ,]"


def test_a_raw_line_break_in_a_text_is_read():
    [heard] = hear(b'{"incoming_message":[{"from":"919869566055","text_type":{"text":"ST\nOP"}}]}')
    assert heard.text == "ST\nOP"


def test_reports_come_in_batches_and_beside_messages():
    reports = [report("8002"), report("", status="read"), report("131050")]
    heard = hear({"incoming_message": [message()], "delivery_status": reports})
    assert [type(one) for one in heard] == [
        MessageHeard,
        ContradictionHeard,
        NothingHeard,
        ContradictionHeard,
    ]


# --- what else comes


def test_an_event_of_another_kind_is_nothing():
    [heard] = hear({"account_alert": {"level": 3}})
    assert isinstance(heard, NothingHeard)


@pytest.mark.parametrize("body", [b"", b"hello", b"[]", b"{}", b"{" * 100_000, b"\xff"])
def test_what_is_no_callback_is_unreadable(body):
    with pytest.raises(UnreadableError):
        hear(body)


@pytest.mark.parametrize("part", [None, [], 7, "text", [7], {}, True])
def test_no_part_of_another_type_is_a_mistake_of_ours(part):
    fields = ("from", "message_id", "message_type", "text_type", "interactive_type", "received_at")
    for name in fields:
        assert hear_message(**{name: part})
    assert hear({"delivery_status": [report(part, recipient=part)]})
    assert hear({"incoming_message": part, "delivery_status": part})

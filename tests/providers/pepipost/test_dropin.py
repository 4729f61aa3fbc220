"""Pepipost's consent call, as Optbook answers it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from consents.models import ConsentEvent, Sender
from consents.vocabulary import Lifts, Outcome
from providers.pepipost.wire import Refusal
from tests.consents.factories import OptOutFactory, SenderFactory, StopFactory, state_of
from tests.providers.dropin_caller import PEPIPOST, DropinCaller, detail, lines

pytestmark = pytest.mark.django_db

NUMBER = "919869566055"
OTHER = "919869566056"
SUCCESS = b'{"status": "success", "message": "Optin successfully added."}'

# As the provider's page prints it: a line ends in the middle of the user agent.
SAMPLE = b"""{ 
"type":"optin", 
"recipients":[ 
{ "recipient":"919869566055", 
"source":"WEB", 
"user_agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 
(KHTML, like Gecko) Chrome/51.0.2704.103 Safari/537.36", 
"ip":"192.168.7.26" 
}]  
} 
 
"""  # noqa: W291, W293 - byte for byte


@pytest.fixture
def caller(sender: Sender) -> DropinCaller:
    return DropinCaller()


def refusal(answer: Any) -> str:
    assert answer.status_code == 200
    body = answer.json()
    assert body.keys() == {"status", "error"}
    assert body["status"] == "failure"
    assert body["error"].keys() == {"code", "message"}
    assert body["error"]["code"] == "8006"
    return str(body["error"]["message"])


def test_the_pages_own_sample_is_recorded_byte_for_byte(caller: DropinCaller) -> None:
    answer = caller.send("POST", PEPIPOST, SAMPLE)
    assert (answer.status_code, answer.content) == (200, SUCCESS)
    assert answer.headers["Content-Type"] == "application/json"
    assert lines() == [("opt_in", NUMBER)]
    kept = detail()
    assert (kept.event.source, kept.ip) == ("WEB", "192.168.7.26")
    assert kept.user_agent.startswith("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 \n(KHTML")
    assert (kept.event.origin, kept.event.actor) == ("dropin", caller.client_id)


@pytest.mark.parametrize(
    "path", [PEPIPOST, PEPIPOST.rstrip("/"), "/api/v2/consent/manage%E2%80%8B/"]
)
def test_the_path_may_end_without_a_slash_or_as_the_pages_link_does(
    caller: DropinCaller, path: str
) -> None:
    assert caller.send("POST", path, SAMPLE).content == SUCCESS


def test_an_opt_out_is_recorded_and_answered_in_kind(caller: DropinCaller) -> None:
    answer = caller.consent("optout", NUMBER)
    assert answer.json() == {"status": "success", "message": "Optout successfully added."}
    assert lines() == [("opt_out", NUMBER)]


REFUSALS = [
    ({"recipients": [{"recipient": NUMBER, "source": "WEB"}]}, "type is required."),
    ({"type": "", "recipients": []}, "type is required."),
    ({"type": "optup"}, "type is invalid. type must be optin/optout."),
    ({"type": ["optin"]}, "type is invalid. type must be optin/optout."),
    ({"type": "optin"}, "recipients is required."),
    ({"type": "optin", "recipients": []}, "recipients is required."),
    ({"type": "optin", "recipients": NUMBER}, "recipients is required."),
    ({"recipient": NUMBER}, "source cannot be empty."),
    ({"recipient": NUMBER, "source": "  "}, "source cannot be empty."),
    ({"recipient": "1", "source": ""}, "source cannot be empty."),
    (
        {"recipient": NUMBER, "source": "S" * 26},
        "source value cannot be greater than 25 characters.",
    ),
    ({"source": "WEB"}, "Invalid recipient. Only numeric values allowed."),
    (
        {"recipient": f"+{NUMBER}", "source": "WEB"},
        "Invalid recipient. Only numeric values allowed.",
    ),
    ({"recipient": True, "source": "WEB"}, "Invalid recipient. Only numeric values allowed."),
    (
        {"recipient": "919869566o55", "source": "WEB"},
        "Invalid recipient. Only numeric values allowed.",
    ),
    ({"recipient": "123456789", "source": "WEB"}, "recipient value cannot be less than 10 digits."),
    (
        {"recipient": "9198695660551234", "source": "WEB"},
        "recipient value cannot be greater than 15 digits.",
    ),
]


@pytest.mark.parametrize(("body", "message"), REFUSALS)
def test_each_documented_fault_has_its_message_and_records_nothing(
    caller: DropinCaller, body: dict[str, Any], message: str
) -> None:
    if "type" not in body and "recipients" not in body:
        body = {"type": "optin", "recipients": [body]}
    assert refusal(caller.send("POST", PEPIPOST, body)) == message
    assert lines() == []


def test_the_table_of_messages_is_shown_whole() -> None:
    documented = set(Refusal) - {Refusal.PARAMETER_MISSING}
    assert {message for _, message in REFUSALS} == documented
    assert len(documented) == 8


def test_the_checks_come_in_the_order_of_the_table(caller: DropinCaller) -> None:
    """Everything is wrong; what is mended is no longer complained of."""
    wrong = {"recipient": "x", "source": ""}
    body: dict[str, Any] = {}
    seen = [refusal(caller.send("POST", PEPIPOST, body))]
    for mended in (
        {"type": "optup"},
        {"type": "optin"},
        {"recipients": [wrong]},
        {"recipients": [wrong | {"source": "S" * 26}]},
        {"recipients": [wrong | {"source": "WEB"}]},
    ):
        body |= mended
        seen.append(refusal(caller.send("POST", PEPIPOST, body)))
    assert seen == list(Refusal)[1:7]


@pytest.mark.parametrize("number", [NUMBER, int(NUMBER), float(NUMBER)])
def test_a_recipient_may_be_a_string_or_a_number(caller: DropinCaller, number: object) -> None:
    assert caller.consent("optin", number).content == SUCCESS
    assert lines() == [("opt_in", NUMBER)]


def test_a_source_of_25_characters_and_numbers_of_10_and_15_digits_are_taken(
    caller: DropinCaller,
) -> None:
    for number in ("9198695660", "919869566055123"):
        answer = caller.consent("optin", {"recipient": number, "source": "S" * 25})
        assert answer.json()["status"] == "success"


def test_several_opt_ins_are_recorded_together_or_not_at_all(caller: DropinCaller) -> None:
    bad = {"recipient": "12", "source": "WEB"}
    message = "recipient value cannot be less than 10 digits."
    assert refusal(caller.consent("optin", NUMBER, bad, OTHER)) == message
    assert lines() == []
    assert caller.consent("optin", NUMBER, OTHER).content == SUCCESS
    assert lines() == [("opt_in", NUMBER), ("opt_in", OTHER)]


def test_of_several_opt_outs_the_valid_ones_are_recorded_under_the_failure(
    caller: DropinCaller,
) -> None:
    bad = {"recipient": "12", "source": "WEB"}
    message = "recipient value cannot be less than 10 digits."
    assert refusal(caller.consent("optout", NUMBER, bad, None, OTHER)) == message
    assert lines() == [("opt_out", NUMBER), ("opt_out", OTHER)]


@pytest.mark.parametrize("word", ["optin", "optout"])
def test_a_number_that_no_country_has_is_refused_without_harm_to_its_neighbours(
    caller: DropinCaller, word: str
) -> None:
    answer = caller.consent(word, "0198695660", NUMBER)
    assert refusal(answer) == "Invalid recipient. Only numeric values allowed."
    assert lines() == ([] if word == "optin" else [("opt_out", NUMBER)])


def test_a_repeat_is_a_success_and_changes_nothing(caller: DropinCaller) -> None:
    answers = [caller.consent("optin", NUMBER).content for _ in range(2)]
    assert answers == [SUCCESS, SUCCESS]
    outcomes = ConsentEvent.objects.order_by("seq").values_list("outcome", flat=True)
    assert list(outcomes) == [Outcome.CHANGED.value, Outcome.NO_CHANGE.value]
    assert caller.consent("optin", NUMBER, NUMBER).content == SUCCESS


@pytest.mark.parametrize("ip", ["localhost", "1.2.3", "fe80::1%eth0"])
def test_an_ip_that_is_mentioned_must_be_valid(caller: DropinCaller, ip: str) -> None:
    entry = {"recipient": NUMBER, "source": "WEB", "ip": ip}
    assert refusal(caller.consent("optin", entry)) == "ip is invalid."
    assert lines() == []
    assert refusal(caller.consent("optout", entry)) == "ip is invalid."
    assert lines() == [("opt_out", NUMBER)]
    assert detail().ip is None


@pytest.mark.parametrize("ip", ["", None, "2001:db8::1", " 203.0.113.7 "])
def test_an_ip_may_be_missing_or_of_either_kind(caller: DropinCaller, ip: str | None) -> None:
    entry = {"recipient": NUMBER, "source": "WEB", "ip": ip}
    assert caller.consent("optin", entry).content == SUCCESS
    assert detail().ip == ((ip or "").strip() or None)


@pytest.mark.parametrize("user_agent", [None, 5, ["x"], "x" * 5000, "Mozilla\0", "\ud800"])
def test_a_strange_user_agent_is_no_reason_to_refuse(
    caller: DropinCaller, user_agent: object
) -> None:
    entry = {"recipient": NUMBER, "source": "WEB", "user_agent": user_agent}
    assert caller.consent("optout", entry).json()["status"] == "success"
    assert len(detail().user_agent) <= 2000


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"type": "optin", '
        b'"recipients": [{"recipient": 919869566055, "source": "W"}]}',
        b'{"type": "optin", "recipients": [{"recipient": "919869566055", "source": "W",},],}',
        b'{"type": "optin",\n"recipients": [{"recipient": 919869566055, "source": "W", '
        b'"user_agent": "a ,] \\" ,} \xff\tz"}]}',
    ],
)
def test_json_is_read_leniently(caller: DropinCaller, body: bytes) -> None:
    assert caller.send("POST", PEPIPOST, body).content == SUCCESS


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"optin", b"{", b"[" * 100_000, b'"' + b'\\"' * 400_000, b"\0"]
)
def test_what_is_no_json_object_has_a_failure_too(caller: DropinCaller, body: bytes) -> None:
    assert refusal(caller.send("POST", PEPIPOST, body)) == "Required parameter is missing"


def test_a_commas_meaning_in_a_text_is_left_alone(caller: DropinCaller) -> None:
    entry = {"recipient": NUMBER, "source": "WEB", "user_agent": "one,] two,}"}
    caller.consent("optin", entry)
    assert detail().user_agent == "one,] two,}"


def test_one_recipient_alone_lifts_even_their_own_stop(caller: DropinCaller) -> None:
    StopFactory(identity=NUMBER)
    assert caller.consent("optin", NUMBER).content == SUCCESS
    assert state_of(NUMBER) == "opted_in"


def test_a_list_lifts_nothing_and_is_a_success_all_the_same(caller: DropinCaller) -> None:
    OptOutFactory(identity=NUMBER)
    assert caller.consent("optin", NUMBER, OTHER).content == SUCCESS
    assert (state_of(NUMBER), state_of(OTHER)) == ("opted_out", "opted_in")
    event = ConsentEvent.objects.get(identity__address=NUMBER, action="opt_in")
    assert (event.outcome, event.lifts) == (Outcome.WOULD_RESURRECT.value, Lifts.NOTHING.value)


def test_a_key_of_several_senders_is_refused_by_the_gateway(sender: Sender) -> None:
    SenderFactory(key="second")
    answer = DropinCaller(senders=["default", "second"]).consent("optin", NUMBER)
    assert answer.status_code == 403
    assert answer.json()["status"] == 403
    assert isinstance(answer.json()["error"], str)
    assert lines() == []


def test_the_key_decides_the_sender(sender: Sender) -> None:
    SenderFactory(key="second")
    DropinCaller(senders=["second"]).consent("optin", NUMBER)
    assert lines(sender__key="second") == [("opt_in", NUMBER)]
    assert lines(sender__key="default") == []


@pytest.mark.parametrize(
    ("authorization", "status"), [("", 403), ("ob_bare_token", 403), ("Bearer ob_wrong_key", 401)]
)
def test_the_gateway_answers_those_without_a_key(
    caller: DropinCaller, authorization: str, status: int
) -> None:
    answer = caller.consent("optin", NUMBER, authorization=authorization)
    assert answer.status_code == status
    body = json.loads(answer.content)
    assert body["status"] == status
    assert isinstance(body["error"], str)
    assert body["message"]


def test_more_recipients_than_a_bulk_call_may_have_are_refused_as_a_whole(
    caller: DropinCaller,
) -> None:
    answer = caller.consent("optout", *(["1"] * 10_001))
    assert refusal(answer) == "recipients has too many entries."

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Fault, Kind, Result
from providers.errors import AccountError
from providers.http import Answer
from providers.sinch_conversation import wire
from tests.providers.conftest import encoded
from tests.providers.examples import ACCESS_TOKEN, APP_ID, PROJECT, account, change

HTML = "<html><body>Bad gateway</body></html>"
ECHO = {"opt_in": {"app_id": APP_ID, "channels": ["WHATSAPP"]}, "request_id": "request-1"}
AT = account("sinch_conversation", "https://eu.conversation.api.sinch.com/")


def answer(status: int, body: Any = b"", **headers: str) -> Answer:
    return Answer(status, headers, body if isinstance(body, bytes) else encoded(body))


def nested(code: int, status: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": []}}


SHAPES = [
    nested(400, "INVALID_ARGUMENT", "why"),
    {"code": 400, "message": "why", "status": "INVALID_ARGUMENT", "details": []},
    {"error": "Bad Request", "code": 400, "message": "why", "status": "INVALID_ARGUMENT"},
]


@pytest.mark.parametrize("body", SHAPES, ids=["nested", "flat", "flat with a word"])
def test_every_error_shape_is_read(body: Any) -> None:
    outcome = wire.judge(Kind.OPT_IN, answer(400, body), awaits_result=True)
    assert (outcome.result, outcome.code, outcome.text) == (
        Result.REJECTED,
        "INVALID_ARGUMENT",
        "why",
    )


@pytest.mark.parametrize(
    ("status", "result"), [(status, row.result) for status, row in wire.STATUSES.items()]
)
@pytest.mark.parametrize("body", [b"", HTML, nested(404, "NOT_FOUND", "why")])
def test_every_status_of_the_table_means_its_result(status: int, result: Result, body: Any) -> None:
    outcome = wire.judge(Kind.OPT_OUT, answer(status, body), awaits_result=True)
    assert outcome.result is result
    assert outcome.code in {str(status), "NOT_FOUND"}


def test_the_table_is_the_known_one() -> None:
    assert {status: row.result for status, row in wire.STATUSES.items()} == {
        400: Result.REJECTED,
        404: Result.WITHDRAWN,
        405: Result.WITHDRAWN,
        410: Result.WITHDRAWN,
        422: Result.REJECTED,
        501: Result.WITHDRAWN,
    }


def test_a_withdrawn_answer_names_the_other_causes_too() -> None:
    text = wire.judge(Kind.OPT_IN, answer(404), awaits_result=True).text
    assert all(word in text for word in ("app", "project", "region", "withdrawn"))


@pytest.mark.parametrize("status", [409, 413, 415, 418])
def test_an_unknown_refusal_is_tried_again(status: int) -> None:
    outcome = wire.judge(Kind.OPT_IN, answer(status), awaits_result=True)
    assert (outcome.result, outcome.code) == (Result.RETRY, str(status))


@pytest.mark.parametrize(
    ("status", "fault", "may_have_arrived"),
    [
        (302, Fault.UNAVAILABLE, False),
        (401, Fault.CREDENTIALS, False),
        (403, Fault.CREDENTIALS, False),
        (429, Fault.RATE_LIMITED, False),
        (500, Fault.UNAVAILABLE, True),
        (502, Fault.UNAVAILABLE, True),
        (503, Fault.UNAVAILABLE, True),
    ],
)
@pytest.mark.parametrize("body", [b"", HTML, nested(500, "INTERNAL_ERROR", "why")])
def test_a_status_of_the_account_is_the_accounts_fault(
    status: int, fault: Fault, may_have_arrived: bool, body: Any
) -> None:
    error = _error(answer(status, body))
    assert (error.fault, error.may_have_arrived) == (fault, may_have_arrived)


@pytest.mark.parametrize("body", [ECHO, {"request_id": "r"}, {"opt_in": {}}])
def test_an_echo_is_accepted_and_succeeds_only_when_no_result_is_awaited(body: Any) -> None:
    judged = [
        wire.judge(Kind.OPT_IN, answer(200, body), awaits_result=waits).result
        for waits in (True, False)
    ]
    assert judged == [Result.ACCEPTED, Result.SUCCEEDED]


def test_an_opt_outs_echo_has_its_own_wrapper() -> None:
    told = answer(200, {"opt_out": {}})
    assert wire.judge(Kind.OPT_OUT, told, awaits_result=True).result is Result.ACCEPTED


@pytest.mark.parametrize("body", [b"", HTML, {}, [], {"opt_out": {}}, {"status": "success"}])
def test_a_200_that_is_not_sinchs_is_no_success(body: Any) -> None:
    error = _error(answer(200, body))
    assert (error.fault, error.code) == (Fault.UNAVAILABLE, "unreadable")


def test_an_error_inside_a_200_counts() -> None:
    rejected = wire.judge(Kind.OPT_IN, answer(200, SHAPES[0]), awaits_result=True)
    assert rejected.result is Result.REJECTED
    assert _error(answer(200, nested(429, "LIMIT", "why"))).fault is Fault.RATE_LIMITED


@pytest.mark.parametrize(
    ("status", "header", "expired"),
    [
        (401, 'Bearer error="invalid_token", error_description="token Expired"', True),
        (401, "Bearer", False),
        (401, "", False),
        (403, "expired", False),
    ],
)
def test_an_expired_token_is_told_from_a_wrong_one(status: int, header: str, expired: bool) -> None:
    assert wire.is_expired(Answer(status, {"www-authenticate": header})) is expired


@pytest.mark.parametrize(
    ("kind", "path"), [(Kind.OPT_IN, "optins:register"), (Kind.OPT_OUT, "optouts:register")]
)
def test_a_registration_is_addressed_with_its_request_id(kind: Kind, path: str) -> None:
    assert wire.register_url(AT, change(kind, request_id="a b/1")) == (
        f"https://eu.conversation.api.sinch.com/v1/projects/{PROJECT}/{path}?request_id=a+b%2F1"
    )


def test_a_registration_has_the_documented_body() -> None:
    assert wire.register_body(AT, change(identity="14707864783")) == {
        "app_id": APP_ID,
        "channels": ["WHATSAPP"],
        "recipient": {
            "identified_by": {
                "channel_identities": [{"channel": "WHATSAPP", "identity": "14707864783"}]
            }
        },
    }


@pytest.mark.parametrize(("ours", "theirs"), list(wire.CHANNELS.items()))
def test_every_channel_is_named_as_sinch_names_it(ours: str, theirs: str) -> None:
    body = wire.register_body(AT, change(channel=ours))
    assert body["channels"] == [theirs]
    assert theirs == {"VIBER": "VIBERBM"}.get(ours, ours)


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(3599, 3599), ("120", 120), (None, 300), (0, 300), (-1, 300), ("soon", 300), (1e300, 300)],
)
def test_a_tokens_life_is_read_and_assumed_short_when_it_cannot_be(
    given: Any, seconds: float
) -> None:
    assert wire.token_in(answer(200, {**ACCESS_TOKEN, "expires_in": given})) == (
        "access-token-0001",
        seconds,
    )


@pytest.mark.parametrize(
    ("status", "body", "fault", "code"),
    [
        (
            401,
            {
                "error": "invalid_client",
                "error_description": "Client authentication failed",
                "error_verbose": "Client authentication failed",
                "status_code": 401,
            },
            Fault.CREDENTIALS,
            "invalid_client",
        ),
        (400, {"error": "invalid_request"}, Fault.CREDENTIALS, "invalid_request"),
        (404, HTML, Fault.CREDENTIALS, "404"),
        (429, b"", Fault.RATE_LIMITED, "429"),
        (500, HTML, Fault.UNAVAILABLE, "500"),
        (302, b"", Fault.UNAVAILABLE, "302"),
        (200, HTML, Fault.UNAVAILABLE, "unreadable"),
        (200, {"access_token": ""}, Fault.UNAVAILABLE, "unreadable"),
        (200, {"access_token": "a\r\nb"}, Fault.UNAVAILABLE, "unreadable"),
        (200, {"access_token": 7}, Fault.UNAVAILABLE, "unreadable"),
    ],
)
def test_a_token_endpoints_error_is_the_accounts_and_nothing_was_sent(
    status: int, body: Any, fault: Fault, code: str
) -> None:
    with pytest.raises(AccountError) as caught:
        wire.token_in(answer(status, body))
    error = caught.value
    assert (error.fault, error.code, error.may_have_arrived) == (fault, code, False)


@pytest.mark.parametrize("body", [{"error": None}, {"error": 5}, {"message": {}}, {"code": True}])
def test_an_odd_error_is_survived(body: Any) -> None:
    outcome = wire.judge(Kind.OPT_IN, answer(400, body), awaits_result=True)
    assert (outcome.result, outcome.code, outcome.text) == (Result.REJECTED, "400", "")


# --- the Batch API


@pytest.mark.parametrize(
    ("base_url", "settings", "host"),
    [
        (
            "https://eu.conversation.api.sinch.com",
            {},
            "https://eu.conversationbatch.api.sinch.com",
        ),
        (
            "https://us.conversation.api.sinch.com/",
            {},
            "https://us.conversationbatch.api.sinch.com",
        ),
        ("https://sinch.example/conversation.api", {}, "https://sinch.example/conversation.api"),
        (
            "https://eu.conversation.api.sinch.com",
            {"batch_base_url": "https://batch.example/"},
            "https://batch.example",
        ),
    ],
)
def test_opt_outs_are_listed_at_a_host_of_its_own_in_the_same_region(
    base_url: str, settings: dict[str, str], host: str
) -> None:
    where = account("sinch_conversation", base_url, **settings)
    assert wire.batch_url(where) == f"{host}/v1/projects/{PROJECT}/consents"


def test_an_opt_out_is_listed_with_the_documented_body() -> None:
    assert wire.batch_body(AT, change(Kind.OPT_OUT, "447700900123")) == {
        "app_id": APP_ID,
        "consent_records": [{"identification": "447700900123", "consent_type": "OPT_OUT_ALL"}],
    }


@pytest.mark.parametrize(
    ("status", "result"),
    [(400, Result.REJECTED), (422, Result.REJECTED), (404, Result.RETRY), (410, Result.RETRY)],
)
def test_an_opt_out_that_the_list_does_not_take_is_never_withdrawn(
    status: int, result: Result
) -> None:
    flat = {"code": status, "message": "why", "status": "NO", "details": []}
    outcome = wire.judge_batch(answer(status, flat))
    assert (outcome.result, outcome.code, outcome.text) == (result, "NO", "why")


def test_an_opt_out_counts_as_listed_with_the_id_of_its_batch_alone() -> None:
    assert wire.judge_batch(answer(200, {"batch_id": "b"})).result is Result.SUCCEEDED
    for body in (b"", HTML, {}, {"opt_out": {}}):
        with pytest.raises(AccountError, match="unreadable"):
            wire.judge_batch(answer(200, body))


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (401, Fault.CREDENTIALS),
        (403, Fault.CREDENTIALS),
        (429, Fault.RATE_LIMITED),
        (500, Fault.UNAVAILABLE),
        (501, Fault.UNAVAILABLE),
    ],
)
def test_a_list_that_is_out_of_order_is_the_accounts_fault(status: int, fault: Fault) -> None:
    with pytest.raises(AccountError) as caught:
        wire.judge_batch(answer(status, nested(status, "NO", "why")))
    assert caught.value.fault is fault


def _error(given: Answer) -> AccountError:
    with pytest.raises(AccountError) as caught:
        wire.judge(Kind.OPT_IN, given, awaits_result=True)
    return caught.value

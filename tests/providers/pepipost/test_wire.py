from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Fault, Kind, Result
from providers.errors import AccountError
from providers.http import Answer
from providers.pepipost import wire
from tests.providers.conftest import encoded
from tests.providers.examples import change

BOTH = (Kind.OPT_IN, Kind.OPT_OUT)
HTML = "<html><body>Bad gateway</body></html>"


def answer(status: int, body: Any = b"") -> Answer:
    return Answer(status, body=body if isinstance(body, bytes) else encoded(body))


def failure(code: Any, message: Any) -> dict[str, Any]:
    return {"status": "failure", "error": {"code": code, "message": message}}


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("word", ["success", "Success", " SUCCESS "])
def test_success_is_judged_by_its_word_whatever_the_message(kind: Kind, word: str) -> None:
    told = answer(200, {"status": word, "message": "Something new."})
    assert wire.judge(kind, told).result is Result.SUCCEEDED


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("refusal", list(wire.Refusal))
@pytest.mark.parametrize("status", [200, 400, 403, 500])
def test_every_8006_rejects_the_row_on_any_status(
    kind: Kind, refusal: wire.Refusal, status: int
) -> None:
    outcome = wire.judge(kind, answer(status, failure("8006", f" {refusal}")))
    assert (outcome.result, outcome.code, outcome.text) == (Result.REJECTED, "8006", refusal)


def test_an_8006_of_new_wording_or_as_a_number_rejects_too() -> None:
    outcome = wire.judge(Kind.OPT_IN, answer(200, failure(8006, "something\nnew")))
    assert (outcome.result, outcome.code) == (Result.REJECTED, "8006")


@pytest.mark.parametrize(
    ("kind", "text", "result"),
    [
        (Kind.OPT_IN, wire.ALREADY_FOUND, Result.SUCCEEDED),
        (Kind.OPT_IN, " optin already found for provided mobile number.", Result.SUCCEEDED),
        (Kind.OPT_IN, wire.STORE_FAILED, Result.RETRY),
        (Kind.OPT_OUT, wire.STORE_FAILED, Result.RETRY),
        (Kind.OPT_OUT, "Optout already found for provided mobilenumber", Result.SUCCEEDED),
        (Kind.OPT_OUT, "Already opted out", Result.SUCCEEDED),
        (Kind.OPT_OUT, "Optin not found for provided mobilenumber", Result.SUCCEEDED),
        (Kind.OPT_OUT, "not opted in", Result.SUCCEEDED),
        # An answer about the other wish proves nothing.
        (Kind.OPT_OUT, wire.ALREADY_FOUND, Result.RETRY),
        (Kind.OPT_IN, "Optout already found for provided mobilenumber", Result.RETRY),
        (Kind.OPT_IN, "Optin not found for provided mobilenumber", Result.RETRY),
        (Kind.OPT_OUT, "Client not found", Result.RETRY),
        (Kind.OPT_IN, "Technical error occurred", Result.RETRY),
        (Kind.OPT_OUT, "", Result.RETRY),
    ],
)
def test_8005_is_told_apart_by_its_text(kind: Kind, text: str, result: Result) -> None:
    assert wire.judge(kind, answer(200, failure("8005", text))).result is result


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("status", [200, 400, 409, 422])
def test_an_unknown_code_is_tried_again(kind: Kind, status: int) -> None:
    outcome = wire.judge(kind, answer(status, failure("8004", "client details not found")))
    assert (outcome.result, outcome.code) == (Result.RETRY, "8004")


@pytest.mark.parametrize(
    "body",
    [{"status": "failure"}, {"error": "odd"}, {"status": "failure", "error": {"code": ["8006"]}}],
)
def test_a_failure_without_a_reason_is_tried_again(body: Any) -> None:
    assert wire.judge(Kind.OPT_OUT, answer(200, body)).result is Result.RETRY


@pytest.mark.parametrize(
    "body",
    [
        b"",
        HTML,
        "null",
        "[]",
        {},
        {"message": "ok"},
        {"status": True},
        {"status": 200},
        b"\xff\x00",
    ],
)
def test_a_200_that_is_not_pepiposts_is_no_success(body: Any) -> None:
    error = _error(answer(200, body))
    assert (error.fault, error.code, error.may_have_arrived) == (
        Fault.UNAVAILABLE,
        "unreadable",
        True,
    )


@pytest.mark.parametrize(
    ("status", "fault", "may_have_arrived"),
    [
        (301, Fault.UNAVAILABLE, False),
        (401, Fault.CREDENTIALS, False),
        (403, Fault.CREDENTIALS, False),
        (404, Fault.UNAVAILABLE, False),
        (405, Fault.UNAVAILABLE, False),
        (410, Fault.UNAVAILABLE, False),
        (429, Fault.RATE_LIMITED, False),
        (500, Fault.UNAVAILABLE, True),
        (502, Fault.UNAVAILABLE, True),
        (503, Fault.UNAVAILABLE, True),
    ],
)
@pytest.mark.parametrize(
    "body",
    [b"", HTML, {"error": "odd", "message": "text", "status": 500}, {"status": "success"}],
    ids=["empty", "html", "gateway", "success"],
)
def test_a_status_of_the_account_is_the_accounts_fault(
    status: int, fault: Fault, may_have_arrived: bool, body: Any
) -> None:
    error = _error(answer(status, body))
    assert (error.fault, error.may_have_arrived) == (fault, may_have_arrived)


@pytest.mark.parametrize(
    ("inner", "fault"),
    [(401, Fault.CREDENTIALS), (429, Fault.RATE_LIMITED), (502, Fault.UNAVAILABLE)],
)
def test_a_gateways_status_inside_a_200_counts(inner: int, fault: Fault) -> None:
    error = _error(answer(200, {"error": "Gateway", "message": " why", "status": inner}))
    assert (error.fault, error.code, error.text) == (fault, str(inner), "why")


@pytest.mark.parametrize(
    ("recipient", "source", "refusal"),
    [
        ("", "", wire.Refusal.SOURCE_EMPTY),
        ("x", "s" * 26, wire.Refusal.SOURCE_TOO_LONG),
        ("+4673200112", "WEB", wire.Refusal.RECIPIENT_NOT_NUMERIC),
        ("٤٦٧٣٢٠٠١١٢٢", "WEB", wire.Refusal.RECIPIENT_NOT_NUMERIC),
        ("", "WEB", wire.Refusal.RECIPIENT_NOT_NUMERIC),
        ("1" * 9, "WEB", wire.Refusal.RECIPIENT_TOO_SHORT),
        ("1" * 16, "WEB", wire.Refusal.RECIPIENT_TOO_LONG),
        ("1" * 10, "s" * 25, None),
        ("1" * 15, "W", None),
    ],
)
def test_a_recipient_is_checked_in_the_providers_order(
    recipient: str, source: str, refusal: wire.Refusal | None
) -> None:
    assert wire.refusal_of_recipient(recipient, source) is refusal


def test_a_request_has_one_recipient_with_all_that_is_known() -> None:
    told = change(identity="919869566055", ip="203.0.113.7", user_agent="ExampleBrowser/1.0")
    assert wire.request_body(told, "WEB") == {
        "type": "optin",
        "recipients": [
            {
                "recipient": "919869566055",
                "source": "WEB",
                "user_agent": "ExampleBrowser/1.0",
                "ip": "203.0.113.7",
            }
        ],
    }


@pytest.mark.parametrize("ip", [None, "", "999.1.1.1", "fe80::1%eth0", "localhost"])
def test_an_ip_the_provider_would_refuse_is_left_out(ip: str | None) -> None:
    body = wire.request_body(change(Kind.OPT_OUT, ip=ip), "WEB")
    assert body == {"type": "optout", "recipients": [{"recipient": "46732001122", "source": "WEB"}]}


def _error(given: Answer) -> AccountError:
    with pytest.raises(AccountError) as caught:
        wire.judge(Kind.OPT_IN, given)
    return caught.value

from __future__ import annotations

from typing import Any

import pytest

from providers.contract import Change, Fault, Kind, Result
from providers.errors import AccountError
from providers.http import Answer
from providers.sinch_whatsapp import wire
from providers.sinch_whatsapp.wire import OptOutMethod
from tests.providers.conftest import encoded
from tests.providers.examples import account, change

HTML = "<html><body>Bad gateway</body></html>"
AT = account("sinch_whatsapp", "https://eu1.whatsapp.api.sinch.com/")
FIRST, SECOND = "46732001122", "46732002244"


def answer(status: int, body: Any = b"") -> Answer:
    return Answer(status, body=body if isinstance(body, bytes) else encoded(body))


def two() -> list[Change]:
    return [change(identity=FIRST), change(identity=SECOND)]


def results(changes: list[Change], given: Answer) -> list[Result]:
    outcomes = wire.judge(changes, given)
    return [outcomes[told.id].result for told in changes]


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}"])
def test_an_empty_answer_means_every_number(status: int, body: bytes) -> None:
    assert results(two(), answer(status, body)) == [Result.SUCCEEDED, Result.SUCCEEDED]


def test_a_number_that_failed_is_rejected_with_its_reason() -> None:
    body = {
        "optInNumbers": [{"msisdn": FIRST, "waId": FIRST}],
        "failedToOptInNumbers": [{"msisdn": f"+{SECOND}", "rejectionReason": "no such user"}],
    }
    changes = two()
    outcomes = wire.judge(changes, answer(200, body))
    assert outcomes[changes[0].id].result is Result.SUCCEEDED
    failed = outcomes[changes[1].id]
    assert (failed.result, failed.code, failed.text) == (
        Result.REJECTED,
        "failedToOptInNumbers",
        "no such user",
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"optInNumbers": []}, [Result.SUCCEEDED, Result.SUCCEEDED]),
        ({"optInNumbers": None, "failedToOptInNumbers": None}, [Result.SUCCEEDED] * 2),
        ({"failedToOptInNumbers": [FIRST]}, [Result.REJECTED, Result.SUCCEEDED]),
        ({"failedToOptInNumbers": [{"msisdn": int(SECOND)}]}, [Result.SUCCEEDED, Result.REJECTED]),
        ({"failedToOptOutNumbers": [{"msisdn": FIRST}]}, [Result.REJECTED, Result.SUCCEEDED]),
        (
            {"optInNumbers": [{"msisdn": FIRST}], "failedToOptInNumbers": [{"msisdn": FIRST}]},
            [Result.REJECTED, Result.SUCCEEDED],
        ),
        # Somebody failed whom we did not name: only those named as taken are safe.
        (
            {"optInNumbers": [{"msisdn": FIRST}], "failedToOptInNumbers": [{"msisdn": "1"}]},
            [Result.SUCCEEDED, Result.RETRY],
        ),
        ({"failedToOptInNumbers": [{}]}, [Result.RETRY, Result.RETRY]),
    ],
)
def test_both_lists_are_read_per_number(body: Any, expected: list[Result]) -> None:
    assert results(two(), answer(200, body)) == expected


@pytest.mark.parametrize(
    "body", [HTML, "null", "[]", '"ok"', {"message": "503", "reason": "not available"}, b"\xff"]
)
def test_a_200_that_is_not_sinchs_is_no_success(body: Any) -> None:
    error = _error(answer(200, body))
    assert (error.fault, error.code) == (Fault.UNAVAILABLE, "unreadable")


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Validation error", "details": "Field [numbers] can not be empty."},
        {"message": "Validation error", "reason": "Field [numbers] can not be empty."},
        {"title": "Validation error", "reason": "Field [numbers] can not be empty."},
    ],
)
def test_every_error_shape_is_read(body: Any) -> None:
    (outcome,) = wire.judge([change()], answer(400, body)).values()
    assert (outcome.result, outcome.code, outcome.text) == (
        Result.REJECTED,
        "Validation error",
        "Field [numbers] can not be empty.",
    )


@pytest.mark.parametrize("body", [b"", HTML, [], {"message": {}}])
def test_an_error_without_a_reason_is_survived(body: Any) -> None:
    (outcome,) = wire.judge([change()], answer(400, body)).values()
    assert (outcome.result, outcome.code, outcome.text) == (Result.REJECTED, "400", "")


@pytest.mark.parametrize(
    ("status", "result"), [(status, row.result) for status, row in wire.STATUSES.items()]
)
def test_every_status_of_the_table_means_its_result(status: int, result: Result) -> None:
    assert results([change()], answer(status)) == [result]


def test_the_table_is_the_known_one() -> None:
    assert {status: row.result for status, row in wire.STATUSES.items()} == {
        400: Result.REJECTED,
        404: Result.WITHDRAWN,
        405: Result.WITHDRAWN,
        410: Result.WITHDRAWN,
        422: Result.REJECTED,
    }


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_batch_blames_nobody_in_it(status: int) -> None:
    assert results(two(), answer(status)) == [Result.REFUSED, Result.REFUSED]


@pytest.mark.parametrize("status", [404, 405, 410])
def test_a_withdrawn_endpoint_is_withdrawn_for_the_whole_batch(status: int) -> None:
    assert results(two(), answer(status)) == [Result.WITHDRAWN, Result.WITHDRAWN]


@pytest.mark.parametrize("status", [406, 409, 413, 418])
def test_an_unknown_refusal_of_one_number_is_tried_again(status: int) -> None:
    assert results([change()], answer(status)) == [Result.RETRY]


@pytest.mark.parametrize(
    ("status", "fault", "may_have_arrived"),
    [
        (307, Fault.UNAVAILABLE, False),
        (401, Fault.CREDENTIALS, False),
        (403, Fault.CREDENTIALS, False),
        (429, Fault.RATE_LIMITED, False),
        (500, Fault.UNAVAILABLE, True),
        (502, Fault.UNAVAILABLE, True),
        (503, Fault.UNAVAILABLE, True),
    ],
)
@pytest.mark.parametrize("body", [b"", HTML, {"message": "401", "reason": "Unauthorized bot"}])
def test_a_status_of_the_account_is_the_accounts_fault(
    status: int, fault: Fault, may_have_arrived: bool, body: Any
) -> None:
    error = _error(answer(status, body))
    assert (error.fault, error.may_have_arrived) == (fault, may_have_arrived)


@pytest.mark.parametrize(
    ("kind", "method", "expected"),
    [
        (Kind.OPT_IN, "delete", ("POST", "optin")),
        (Kind.OPT_IN, "post", ("POST", "optin")),
        (Kind.OPT_OUT, "delete", ("DELETE", "optin")),
        (Kind.OPT_OUT, "post", ("POST", "optout")),
    ],
)
def test_each_change_has_its_endpoint(
    kind: Kind, method: OptOutMethod, expected: tuple[str, str]
) -> None:
    base = "https://eu1.whatsapp.api.sinch.com/whatsapp/v1/example-bot/provision"
    assert wire.endpoint(AT, kind, method) == (expected[0], f"{base}/{expected[1]}")


def test_a_number_stands_once_in_a_call() -> None:
    assert wire.body_of([*two(), change(identity=FIRST)]) == {"numbers": [FIRST, SECOND]}


@pytest.mark.parametrize(
    ("identity", "is_one"),
    [("1" * 6, False), ("1" * 7, True), ("1" * 15, True), ("1" * 16, False), ("+4673", False)],
)
def test_an_msisdn_has_seven_to_fifteen_digits(identity: str, is_one: bool) -> None:
    assert wire.is_msisdn(identity) is is_one


def _error(given: Answer) -> AccountError:
    with pytest.raises(AccountError) as caught:
        wire.judge(two(), given)
    return caught.value

import pytest

from tests.providers.sandbox_client import WHATSAPP_KEY, WHATSAPP_PATH, call, whatsapp
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

NUMBERS = ["46732001122", "46732002244"]


def test_an_optin_answers_200_with_nothing_in_it(sandbox: RunningSandbox) -> None:
    reply = whatsapp(sandbox.url, NUMBERS)

    assert (reply.status, reply.body) == (200, b"")
    assert sandbox.state("sinch_whatsapp") == dict.fromkeys(NUMBERS, "opted_in")


def test_a_repeated_optin_is_ignored_but_not_rejected(sandbox: RunningSandbox) -> None:
    assert [whatsapp(sandbox.url, NUMBERS).status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(("method", "end"), [("POST", "optout"), ("DELETE", "optin")])
def test_both_ways_of_opting_out_work(sandbox: RunningSandbox, method: str, end: str) -> None:
    whatsapp(sandbox.url, NUMBERS)

    assert whatsapp(sandbox.url, NUMBERS[:1], method, end).status == 200
    assert sandbox.state("sinch_whatsapp") == {NUMBERS[0]: "opted_out", NUMBERS[1]: "opted_in"}


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        None,
        "46732001122",
        [f"4670174{n:04d}" for n in range(21)],
        [*NUMBERS, "+46732001122"],
        [*NUMBERS, 46732001122],
        [*NUMBERS, "4673²001122"],
        [*NUMBERS, "123456"],
    ],
)
def test_a_wrong_list_is_refused_whole(sandbox: RunningSandbox, numbers: object) -> None:
    reply = whatsapp(sandbox.url, numbers)

    assert (reply.status, reply.json()["message"]) == (400, "Validation error")
    assert sandbox.state("sinch_whatsapp") == {}


def test_twenty_numbers_are_taken(sandbox: RunningSandbox) -> None:
    assert whatsapp(sandbox.url, [f"467017406{n:02d}" for n in range(20)]).status == 200


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (f"{WHATSAPP_PATH}optin", {}),
        (f"{WHATSAPP_PATH}optin", {"Authorization": "Bearer other"}),
        ("/whatsapp/v1/other-bot/provision/optin", WHATSAPP_KEY),
    ],
)
def test_a_wrong_token_or_bot_is_unauthorized(
    sandbox: RunningSandbox, path: str, key: dict[str, str]
) -> None:
    reply = call(sandbox.url, "POST", path, {"numbers": NUMBERS}, key)

    assert reply.status == 401
    assert reply.json() == {"message": "401", "reason": "Unauthorized bot"}


def test_a_method_or_path_that_does_not_exist_is_refused(sandbox: RunningSandbox) -> None:
    assert whatsapp(sandbox.url, NUMBERS, "DELETE", "optout").status == 405
    assert whatsapp(sandbox.url, NUMBERS, "POST", "blacklist").status == 404


def test_the_younger_body_tells_which_numbers_failed(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "json_answer", rejected=NUMBERS[1:], message="no user")

    answer = whatsapp(sandbox.url, NUMBERS).json()

    assert answer["optInNumbers"] == [{"msisdn": NUMBERS[0], "waId": NUMBERS[0]}]
    assert answer["failedToOptInNumbers"] == [{"msisdn": NUMBERS[1], "rejectionReason": "no user"}]
    assert sandbox.state("sinch_whatsapp") == {NUMBERS[0]: "opted_in"}


def test_a_bad_number_refuses_its_whole_batch_and_no_other(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "bad_numbers", numbers=NUMBERS[1:])

    assert whatsapp(sandbox.url, NUMBERS).status == 400
    assert whatsapp(sandbox.url, NUMBERS[:1]).status == 200
    assert sandbox.state("sinch_whatsapp") == {NUMBERS[0]: "opted_in"}


def test_the_removed_optout_endpoint_leaves_the_delete_alone(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "optout_missing")

    assert whatsapp(sandbox.url, NUMBERS, "POST", "optout").status == 404
    assert whatsapp(sandbox.url, NUMBERS, "DELETE", "optin").status == 200


def test_too_many_calls_a_second_answer_500(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "rate_limited", per_second=0)

    reply = whatsapp(sandbox.url, NUMBERS)

    assert (reply.status, reply.json()["details"]) == (500, "Request could not be processed")


def test_calls_within_the_rate_pass(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "rate_limited", per_second=20)

    assert {whatsapp(sandbox.url, NUMBERS).status for _ in range(20)} == {200}


@pytest.mark.parametrize(
    ("shape", "keys"),
    [
        ("details", {"message", "details"}),
        ("reason", {"message", "reason"}),
        ("title", {"title", "reason"}),
    ],
)
def test_errors_come_in_every_shape_its_documents_show(
    sandbox: RunningSandbox, shape: str, keys: set[str]
) -> None:
    sandbox.fault("sinch_whatsapp", "status", status=503, body=shape)

    reply = whatsapp(sandbox.url, NUMBERS)

    assert (reply.status, set(reply.json())) == (503, keys)

from typing import Any

import pytest

from tests.providers.sandbox_client import PEPIPOST_KEY, PEPIPOST_PATH, call, pepipost
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

NUMBER = "919869566055"


def failure(code: str, message: str) -> dict[str, Any]:
    return {"status": "failure", "error": {"code": code, "message": message}}


def send(sandbox: RunningSandbox, content: object) -> Any:
    reply = call(sandbox.url, "POST", PEPIPOST_PATH, content, PEPIPOST_KEY)
    assert reply.status == 200
    return reply.json()


def test_an_optin_is_held_and_answered_as_the_page_shows(sandbox: RunningSandbox) -> None:
    reply = pepipost(sandbox.url, "optin", NUMBER, user_agent="Mozilla/5.0", ip="192.168.7.26")

    assert (reply.status, reply.json()) == (
        200,
        {"status": "success", "message": "Optin successfully added."},
    )
    assert sandbox.state("pepipost") == {NUMBER: "opted_in"}


def test_the_path_works_without_its_last_slash(sandbox: RunningSandbox) -> None:
    content = {"type": "optout", "recipients": [{"recipient": NUMBER, "source": "WEB"}]}

    call(sandbox.url, "POST", PEPIPOST_PATH.rstrip("/"), content, PEPIPOST_KEY)

    assert sandbox.state_of("pepipost", NUMBER) == "opted_out"


def test_a_number_sent_as_a_json_number_is_taken(sandbox: RunningSandbox) -> None:
    pepipost(sandbox.url, "optin", int(NUMBER))

    assert sandbox.state_of("pepipost", NUMBER) == "opted_in"


def test_a_second_optin_is_already_found_until_an_optout(sandbox: RunningSandbox) -> None:
    statuses = [
        pepipost(sandbox.url, kind, NUMBER).json()["status"]
        for kind in ("optin", "optin", "optout", "optout", "optin")
    ]

    assert statuses == ["success", "failure", "success", "success", "success"]
    assert sandbox.history("pepipost", NUMBER) == [
        "opted_in",
        "opted_out",
        "opted_out",
        "opted_in",
    ]


def test_the_second_optin_says_8005_already_found(sandbox: RunningSandbox) -> None:
    sandbox.preload("pepipost", {NUMBER: "opted_in"})

    answer = pepipost(sandbox.url, "optin", NUMBER).json()

    assert answer == failure("8005", "Optin already found for provided mobilenumber")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "type is required."),
        ({"type": "maybe"}, "type is invalid. type must be optin/optout."),
        ({"type": ["optin"]}, "type is invalid. type must be optin/optout."),
        ({"type": "optin"}, "recipients is required."),
        ({"type": "optin", "recipients": []}, "recipients is required."),
    ],
)
def test_a_call_without_its_fields_is_refused_in_the_pages_words(
    sandbox: RunningSandbox, content: object, message: str
) -> None:
    assert send(sandbox, content) == failure("8006", message)


@pytest.mark.parametrize(
    ("recipient", "message"),
    [
        ({"recipient": "abc"}, " source cannot be empty."),
        ({"recipient": "abc", "source": ""}, " source cannot be empty."),
        (
            {"recipient": "abc", "source": "x" * 26},
            "source value cannot be greater than 25 characters.",
        ),
        (
            {"recipient": "+919869566055", "source": "x" * 25},
            "Invalid recipient. Only numeric values allowed.",
        ),
        (
            {"recipient": "٩١٩٨٦٩٥٦٦٠٥٥", "source": "WEB"},
            "Invalid recipient. Only numeric values allowed.",
        ),
        (
            {"recipient": "919869566", "source": "WEB"},
            "recipient value cannot be less than 10 digits.",
        ),
        (
            {"recipient": "9" * 16, "source": "WEB"},
            "recipient value cannot be greater than 15 digits.",
        ),
        ({"recipient": NUMBER, "source": "WEB", "ip": "999.1.1.1"}, "ip is invalid."),
    ],
)
def test_a_wrong_recipient_is_refused_in_the_pages_words_and_order(
    sandbox: RunningSandbox, recipient: object, message: str
) -> None:
    assert send(sandbox, {"type": "optin", "recipients": [recipient]}) == failure("8006", message)
    assert sandbox.state("pepipost") == {}


def test_one_wrong_recipient_keeps_the_others_out(sandbox: RunningSandbox) -> None:
    rows = [{"recipient": NUMBER, "source": "WEB"}, {"recipient": "12", "source": "WEB"}]

    assert send(sandbox, {"type": "optin", "recipients": rows})["status"] == "failure"
    assert sandbox.state("pepipost") == {}


def test_a_bare_token_looks_blocked_by_a_firewall(sandbox: RunningSandbox) -> None:
    key = {"Authorization": "sandbox-pepipost-token"}

    reply = call(sandbox.url, "POST", PEPIPOST_PATH, {}, key)

    assert reply.status == 403
    assert reply.headers["content-type"].startswith("text/html")


def test_a_wrong_token_is_refused_by_the_gateway(sandbox: RunningSandbox) -> None:
    reply = call(sandbox.url, "POST", PEPIPOST_PATH, {}, {"Authorization": "Bearer other"})

    assert reply.status == 401
    assert (reply.json()["status"], reply.json()["error"]) == (401, "Unauthorized")


def test_a_body_that_is_no_json_is_refused_by_the_gateway(sandbox: RunningSandbox) -> None:
    assert call(sandbox.url, "POST", PEPIPOST_PATH, b"{", PEPIPOST_KEY).status == 400
    assert call(sandbox.url, "POST", PEPIPOST_PATH, b"[" * 99_999, PEPIPOST_KEY).status == 400


def test_a_get_is_refused(sandbox: RunningSandbox) -> None:
    assert call(sandbox.url, "GET", PEPIPOST_PATH, None, PEPIPOST_KEY).status == 405


@pytest.mark.parametrize(
    ("fault", "parameters", "status", "answer"),
    [
        (
            "already_found",
            {},
            200,
            failure("8005", "Optin already found for provided mobilenumber"),
        ),
        (
            "update_error",
            {},
            200,
            failure("8005", "Error occurred while updating optin for mobilenumber"),
        ),
        ("refused", {"code": "8004", "message": "x"}, 200, failure("8004", "x")),
        ("changed_success_text", {}, 200, {"status": "success", "message": "Consent updated"}),
        (
            "status",
            {"status": 502},
            502,
            {"error": "Bad Gateway", "message": "Bad Gateway", "status": 502},
        ),
    ],
)
def test_its_own_faults_answer_in_its_own_words(
    sandbox: RunningSandbox, fault: str, parameters: dict[str, Any], status: int, answer: object
) -> None:
    sandbox.fault("pepipost", fault, **parameters)

    reply = pepipost(sandbox.url, "optin", NUMBER)

    assert (reply.status, reply.json()) == (status, answer)
    assert bool(sandbox.state("pepipost")) == (fault == "changed_success_text")


def test_failures_can_come_with_status_400(sandbox: RunningSandbox) -> None:
    sandbox.fault("pepipost", "failure_status", status=400)

    assert pepipost(sandbox.url, "optin", "12").status == 400
    assert pepipost(sandbox.url, "optin", NUMBER).status == 200

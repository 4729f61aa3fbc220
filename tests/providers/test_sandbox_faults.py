import http.client
import json
import threading
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from providers.sandbox.fault_kinds import KINDS
from tests.providers.sandbox_client import pepipost, register, registration, whatsapp
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

NUMBER = "46732001122"
BROKEN = (http.client.RemoteDisconnected, ConnectionResetError)


def last_call(sandbox: RunningSandbox) -> dict[str, Any]:
    return sandbox.calls()[-1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 429, 500, 501, 502, 503])
@pytest.mark.parametrize("provider", ["pepipost", "sinch_conversation", "sinch_whatsapp"])
def test_every_provider_can_answer_every_status(
    sandbox: RunningSandbox, provider: str, status: int
) -> None:
    sandbox.fault(provider, "status", status=status)
    send = {
        "pepipost": lambda: pepipost(sandbox.url, "optin", NUMBER),
        "sinch_conversation": lambda: register(sandbox.url, "optins", registration(NUMBER)),
        "sinch_whatsapp": lambda: whatsapp(sandbox.url, [NUMBER]),
    }[provider]

    reply = send()

    assert reply.status == status
    assert isinstance(reply.json(), dict)
    assert sandbox.state(provider) == {}
    assert (last_call(sandbox)["status"], last_call(sandbox)["applied"]) == (status, False)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [("html", "text/html; charset=utf-8"), ("plain", "text/plain"), ("empty", "")],
)
def test_an_error_can_come_without_json(sandbox: RunningSandbox, shape: str, kind: str) -> None:
    sandbox.fault(None, "status", status=502, body=shape)

    reply = whatsapp(sandbox.url, [NUMBER])

    assert (reply.headers.get("content-type", ""), reply.body == b"") == (kind, shape == "empty")


def test_retry_after_comes_in_seconds_or_as_a_date(sandbox: RunningSandbox) -> None:
    sandbox.fault(None, "status", status=429, retry_after=7, count=1)
    sandbox.fault(None, "status", status=429, retry_after=7, retry_after_form="date", count=1)
    sandbox.fault(None, "status", status=429, count=1)

    values = [whatsapp(sandbox.url, [NUMBER]).headers.get("retry-after") for _ in range(3)]

    assert (values[0], values[2]) == ("7", None)
    assert parsedate_to_datetime(values[1] or "").tzinfo is not None


def test_an_error_can_hide_that_the_change_was_made(sandbox: RunningSandbox) -> None:
    sandbox.fault(None, "status", status=500, applied="before")

    assert whatsapp(sandbox.url, [NUMBER]).status == 500
    assert sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_in"
    assert last_call(sandbox)["applied"] is True


@pytest.mark.parametrize(
    ("fault", "applied"), [("drop_before_applying", False), ("drop_after_applying", True)]
)
@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_connection_says_nothing_of_what_became_of_the_change(
    sandbox: RunningSandbox, fault: str, applied: bool, reset: bool
) -> None:
    sandbox.fault("sinch_whatsapp", fault, reset=reset)

    with pytest.raises(BROKEN):
        whatsapp(sandbox.url, [NUMBER])

    record = last_call(sandbox)
    assert (record["status"], record["applied"], record["fault"]) == (None, applied, fault)
    assert (sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_in") is applied


def wait_for_change(sandbox: RunningSandbox, number: str) -> threading.Event:
    """An event that is set when the books have taken a change of `number`."""
    changed, apply = threading.Event(), sandbox.core.holdings.apply

    def watch(changes: Any, *rest: Any) -> None:
        apply(changes, *rest)
        if any(change.number == number for change in changes):
            changed.set()

    sandbox.core.holdings.apply = watch  # type: ignore[method-assign]
    return changed


def test_a_change_can_land_after_the_connection_was_lost(sandbox: RunningSandbox) -> None:
    landed = wait_for_change(sandbox, NUMBER)
    sandbox.fault("sinch_whatsapp", "lands_late", seconds=0.3, count=1)

    with pytest.raises(BROKEN):
        whatsapp(sandbox.url, [NUMBER])
    whatsapp(sandbox.url, ["46732002244"], "DELETE")

    assert sandbox.state("sinch_whatsapp") == {"46732002244": "opted_out"}
    assert landed.wait(5)
    assert sandbox.history("sinch_whatsapp", NUMBER) == ["opted_in"]


def test_a_change_that_lands_after_a_reset_lands_nowhere(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "lands_late", seconds=0.1)
    others = set(threading.enumerate())
    with pytest.raises(BROKEN):
        whatsapp(sandbox.url, [NUMBER])
    thread_of_the_call = [t for t in threading.enumerate() if t not in others]

    sandbox.reset()
    for thread in thread_of_the_call:
        thread.join(5)

    assert sandbox.state("sinch_whatsapp") == {}


@pytest.mark.parametrize(("applied", "state"), [("before", "opted_in"), ("never", None)])
def test_a_slow_answer_outlasts_the_client(
    sandbox: RunningSandbox, applied: str, state: str | None
) -> None:
    sandbox.fault("sinch_whatsapp", "slow", seconds=60, applied=applied)
    connection = http.client.HTTPConnection(sandbox.url.removeprefix("http://"), timeout=0.3)
    headers = {"Authorization": "Bearer sandbox-whatsapp-token"}
    path = "/whatsapp/v1/sandbox-bot/provision/optin"
    connection.request("POST", path, json.dumps({"numbers": [NUMBER]}), headers)

    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()

    assert sandbox.state_of("sinch_whatsapp", NUMBER) == state


def test_a_slow_answer_is_right_when_it_comes(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "slow", seconds=0.05, applied="after")

    assert whatsapp(sandbox.url, [NUMBER]).status == 200
    assert sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_in"


def test_a_dripping_answer_is_complete_in_the_end(sandbox: RunningSandbox) -> None:
    sandbox.fault("pepipost", "drip", interval=0.0001)

    assert pepipost(sandbox.url, "optin", "919869566055").json()["status"] == "success"


def test_a_dripping_answer_breaks_off_when_its_time_is_up(sandbox: RunningSandbox) -> None:
    sandbox.fault("pepipost", "drip", interval=0.001, seconds=0.01)

    with pytest.raises((http.client.HTTPException, ConnectionError)):
        pepipost(sandbox.url, "optin", "919869566055")


def test_a_truncated_answer_breaks_off(sandbox: RunningSandbox) -> None:
    sandbox.fault("pepipost", "truncated")

    with pytest.raises(http.client.IncompleteRead):
        pepipost(sandbox.url, "optin", "919869566055")
    assert sandbox.state_of("pepipost", "919869566055") == "opted_in"


def test_success_can_be_garbage_or_html(sandbox: RunningSandbox) -> None:
    sandbox.fault("pepipost", "garbage", count=1)
    sandbox.fault("pepipost", "html", count=1)

    garbage, html = (pepipost(sandbox.url, "optin", "919869566055") for _ in range(2))

    assert (garbage.status, html.status) == (200, 200)
    with pytest.raises(ValueError, match=r"."):
        garbage.json()
    assert html.body.startswith(b"<!DOCTYPE html>")
    assert sandbox.state("pepipost") == {}


def test_a_redirect_names_another_place(sandbox: RunningSandbox) -> None:
    sandbox.fault("pepipost", "redirect", location="http://127.0.0.1:1/x", status=302)

    reply = pepipost(sandbox.url, "optin", "919869566055")

    assert (reply.status, reply.headers["location"]) == (302, "http://127.0.0.1:1/x")


def test_a_counted_fault_strikes_so_often_and_no_more(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "status", status=503, count=2)

    statuses = [whatsapp(sandbox.url, [NUMBER]).status for _ in range(3)]

    assert statuses == [503, 503, 200]
    assert sandbox.core.faults.active() == []


def test_a_fault_without_a_count_lasts_until_it_is_cleared(sandbox: RunningSandbox) -> None:
    fault = sandbox.fault("sinch_whatsapp", "status", status=503)
    assert [whatsapp(sandbox.url, [NUMBER]).status for _ in range(3)] == [503] * 3

    sandbox.clear_faults(fault)

    assert whatsapp(sandbox.url, [NUMBER]).status == 200


def test_a_fault_meets_only_its_provider_its_actions_and_its_numbers(
    sandbox: RunningSandbox,
) -> None:
    sandbox.fault(
        "sinch_whatsapp", "status", status=503, actions=["opt_in"], numbers=["46732002244"]
    )

    assert whatsapp(sandbox.url, [NUMBER]).status == 200
    assert whatsapp(sandbox.url, ["46732002244"], "DELETE").status == 200
    assert pepipost(sandbox.url, "optin", "46732002244").status == 200
    assert whatsapp(sandbox.url, [NUMBER, "46732002244"]).status == 503


def test_chance_decides_when_a_probability_is_given(sandbox: RunningSandbox) -> None:
    sandbox.fault("sinch_whatsapp", "status", status=503, probability=0)
    assert {whatsapp(sandbox.url, [NUMBER]).status for _ in range(5)} == {200}

    sandbox.fault("sinch_whatsapp", "status", status=503, probability=0.5)
    assert {whatsapp(sandbox.url, [NUMBER]).status for _ in range(60)} == {200, 503}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_fault_in_the_table_can_be_switched_on_with_its_defaults(
    sandbox: RunningSandbox, name: str
) -> None:
    sandbox.fault(None, name, numbers=[NUMBER])

    assert [rule.show()["fault"] for rule in sandbox.core.faults.active()] == [name]


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"fault": "gremlins"},
        {"fault": ["status"]},
        {"fault": "status", "provider": "nobody"},
        {"fault": "status", "status": 99},
        {"fault": "status", "status": True},
        {"fault": "status", "body": "limerick"},
        {"fault": "status", "body": "details", "provider": "pepipost"},
        {"fault": "status", "colour": "red"},
        {"fault": "status", "retry_after": -1},
        {"fault": "status", "retry_after_form": "soon"},
        {"fault": "status", "www_authenticate": "a\r\nb: c"},
        {"fault": "status", "count": 0},
        {"fault": "status", "probability": 2},
        {"fault": "status", "numbers": "46732001122"},
        {"fault": "status", "actions": ["dance"]},
        {"fault": "slow", "seconds": 1e9},
        {"fault": "slow", "seconds": float("nan")},
        {"fault": "slow", "applied": "maybe"},
        {"fault": "drop_before_applying", "reset": 1},
        {"fault": "already_found", "provider": "sinch_whatsapp"},
        {"fault": "bad_numbers"},
        {"fault": "json_answer", "rejected": "x"},
    ],
)
def test_a_nonsensical_fault_is_refused_and_changes_nothing(
    sandbox: RunningSandbox, wish: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        sandbox.ask("POST", "/sandbox/faults", wish)
    assert sandbox.core.faults.active() == []


def test_a_fault_of_one_provider_never_meets_another(sandbox: RunningSandbox) -> None:
    sandbox.fault(None, "already_found")

    assert whatsapp(sandbox.url, [NUMBER]).status == 200
    assert pepipost(sandbox.url, "optin", NUMBER).json()["status"] == "failure"

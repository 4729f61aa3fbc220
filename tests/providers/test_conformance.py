"""What the outbox may rely on, asked of every provider."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from providers import registry
from providers.contract import Account, Adapter, Change, Delivery, Fault, Kind, Result
from tests.providers.conftest import Recorder
from tests.providers.examples import account, change

NUMBERS = ("46732001122", "46732002244", "14707864783")
SUCCESS: dict[str, Any] = {
    "pepipost": {"status": "success", "message": "Optin successfully added."},
    "sinch_conversation": {"opt_in": {}, "opt_out": {}, "request_id": "r"},
    "sinch_whatsapp": {"optInNumbers": [], "failedToOptInNumbers": []},
}
FAULTS: dict[str, tuple[Callable[[Recorder], object], Fault, Result]] = {
    "500": (lambda s: s.answers(500, "oops"), Fault.UNAVAILABLE, Result.UNKNOWN),
    "502 html": (lambda s: s.answers(502, "<html>"), Fault.UNAVAILABLE, Result.UNKNOWN),
    "503": (lambda s: s.answers(503), Fault.UNAVAILABLE, Result.UNKNOWN),
    "429": (lambda s: s.answers(429), Fault.RATE_LIMITED, Result.NOT_SENT),
    "401": (lambda s: s.answers(401), Fault.CREDENTIALS, Result.NOT_SENT),
    "403": (lambda s: s.answers(403, "<html>"), Fault.CREDENTIALS, Result.NOT_SENT),
    "302": (
        lambda s: s.answers(302, Location="/login"),
        Fault.UNAVAILABLE,
        Result.NOT_SENT,
    ),
    "html": (lambda s: s.answers(200, "<html>"), Fault.UNAVAILABLE, Result.UNKNOWN),
    "garbage": (lambda s: s.answers(200, b"\x00\xff"), Fault.UNAVAILABLE, Result.UNKNOWN),
    "no http": (lambda s: s.sends(b"\x15\x03\x01"), Fault.UNAVAILABLE, Result.UNKNOWN),
    "dropped": (lambda s: s.drops(), Fault.UNAVAILABLE, Result.UNKNOWN),
    "silent": (lambda s: s.keeps_silent(), Fault.TIMEOUT, Result.UNKNOWN),
    "drips": (lambda s: s.drips(b"HTTP/1.1 200 OK\r\nX: "), Fault.TIMEOUT, Result.UNKNOWN),
}


@pytest.fixture(params=registry.kinds())
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def adapter(kind: str) -> Adapter:
    return registry.adapter(kind)


@pytest.fixture
def where(kind: str, server: Recorder) -> Account:
    """An account that asks for no token, so that each script is about the call itself."""
    settings = {"auth": "basic"} if kind == "sinch_conversation" else {}
    return account(kind, server.base_url, **settings)


def some(adapter: Adapter, wish: Kind = Kind.OPT_OUT) -> list[Change]:
    return [
        change(wish, number, ip="203.0.113.77", user_agent="ExampleBrowser/1.0")
        for number in NUMBERS[: adapter.batch_max]
    ]


def deliver(
    adapter: Adapter, where: Account, changes: list[Change], seconds: float = 5
) -> Delivery:
    delivery = adapter.deliver(where, changes, seconds=seconds)
    assert delivery.outcomes.keys() == {told.id for told in changes}
    return delivery


@pytest.mark.parametrize("wish", list(Kind))
def test_a_change_that_is_taken_is_so_for_every_row(
    adapter: Adapter, kind: str, where: Account, server: Recorder, wish: Kind
) -> None:
    server.answers(200, SUCCESS[kind])
    delivery = deliver(adapter, where, some(adapter, wish))
    assert delivery.account_fault is None
    assert {outcome.result for outcome in delivery.outcomes.values()} <= {
        Result.SUCCEEDED,
        Result.ACCEPTED,
    }
    assert len(server.received) == len(delivery.traces) == 1
    assert delivery.traces[0].url.startswith(server.base_url)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_account_settles_no_row(
    adapter: Adapter, where: Account, server: Recorder, name: str
) -> None:
    script, fault, result = FAULTS[name]
    script(server)
    # Only who does not answer is waited for; a busy machine needs its time for the others.
    patience = 0.4 if fault is Fault.TIMEOUT else 5
    delivery = deliver(adapter, where, some(adapter), patience)
    assert delivery.account_fault is not None
    assert delivery.account_fault.fault is fault
    assert {outcome.result for outcome in delivery.outcomes.values()} == {result}
    assert delivery.account_fault.code
    assert delivery.account_fault.text
    assert delivery.traces


def test_an_account_nobody_answers_for_sends_nothing(
    adapter: Adapter, where: Account, nobody: str
) -> None:
    delivery = deliver(adapter, dataclasses.replace(where, base_url=nobody), some(adapter))
    assert delivery.account_fault is not None
    assert delivery.account_fault.fault is Fault.UNAVAILABLE
    assert {outcome.result for outcome in delivery.outcomes.values()} == {Result.NOT_SENT}


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_a_provider_asks_for_is_handed_on(
    adapter: Adapter, where: Account, server: Recorder, status: int
) -> None:
    server.answers(status, Retry_After="42")
    fault = deliver(adapter, where, some(adapter)).account_fault
    assert fault is not None
    assert fault.retry_after == timedelta(seconds=42)


@pytest.mark.parametrize("status", [200, 400, 401, 500])
def test_nothing_secret_or_personal_is_kept(
    adapter: Adapter, kind: str, where: Account, server: Recorder, status: int
) -> None:
    secrets = [where.credentials[name] for name in adapter.required_credentials - {"project_id"}]
    echo = (
        f"{' '.join(secrets)} +{' '.join(NUMBERS)} 203.0.113.77 ExampleBrowser/1.0 "
        f"\x00 \ud800 asha@example.com"
    )
    errors = {
        "pepipost": {"status": "failure", "error": {"code": echo, "message": echo}},
        "sinch_conversation": {"error": {"code": status, "status": echo, "message": echo}},
        "sinch_whatsapp": {
            "message": echo,
            "details": echo,
            "failedToOptInNumbers": [{"msisdn": NUMBERS[0], "rejectionReason": echo}],
        },
    }
    server.answers(status, errors[kind])
    delivery = deliver(adapter, where, some(adapter))
    shown = repr(delivery) + repr(where) + repr(some(adapter))
    for hidden in (*secrets, *NUMBERS, "203.0.113.77", "ExampleBrowser", "asha@"):
        assert hidden not in shown
    for outcome in delivery.outcomes.values():
        stored = outcome.code + outcome.text
        assert "\x00" not in stored
        stored.encode("utf-8")


def test_an_endless_reason_is_cut(
    adapter: Adapter, kind: str, where: Account, server: Recorder
) -> None:
    server.answers(400, {"status": "failure", "error": "x" * 60_000, "message": "y" * 500})
    delivery = deliver(adapter, where, some(adapter))
    for outcome in delivery.outcomes.values():
        assert len(outcome.text) <= 500
        assert len(outcome.code) <= 100
    assert max(len(trace.response) for trace in delivery.traces) <= 2000


def test_a_delivery_without_time_sends_nothing(
    adapter: Adapter, where: Account, server: Recorder
) -> None:
    server.answers()
    delivery = deliver(adapter, where, some(adapter), seconds=0)
    assert {outcome.result for outcome in delivery.outcomes.values()} == {Result.NOT_SENT}
    assert not server.received


def test_a_missing_credential_is_named_and_stops_the_call(
    adapter: Adapter, where: Account, server: Recorder
) -> None:
    for name in adapter.required_credentials:
        bare = {**where.credentials, name: ""}
        broken = dataclasses.replace(where, credentials=bare)
        assert [problem for problem in adapter.problems(broken) if name in problem]
        delivery = deliver(adapter, broken, some(adapter))
        assert delivery.account_fault is not None
        assert delivery.account_fault.fault is Fault.CREDENTIALS
    assert not server.received


@pytest.mark.parametrize("base_url", ["", "http://api.example.com", "https://u:p@api.example.com"])
def test_a_base_url_that_may_not_be_called_is_not(
    adapter: Adapter, where: Account, base_url: str
) -> None:
    delivery = deliver(adapter, dataclasses.replace(where, base_url=base_url), some(adapter))
    assert delivery.account_fault is not None
    assert delivery.account_fault.code == "misconfigured"


def test_a_credential_no_header_can_carry_is_named(adapter: Adapter, where: Account) -> None:
    for name in adapter.required_credentials:
        broken = dataclasses.replace(where, credentials={**where.credentials, name: "a\r\nX: b"})
        assert [problem for problem in adapter.problems(broken) if name in problem]


def test_every_channel_named_is_served(adapter: Adapter, where: Account) -> None:
    assert "WHATSAPP" in adapter.channels(where)
    assert "EMAIL" not in adapter.channels(where)


def test_a_user_id_is_unsupported(adapter: Adapter, where: Account, server: Recorder) -> None:
    delivery = deliver(adapter, where, [change(Kind.OPT_OUT, "US.1A2b3C4d")])
    assert [outcome.result for outcome in delivery.outcomes.values()] == [Result.UNSUPPORTED]
    assert not server.received

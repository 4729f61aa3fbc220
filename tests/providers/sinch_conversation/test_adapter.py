from __future__ import annotations

import base64
import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from providers.contract import Account, Delivery, Fault, Kind, Result
from providers.errors import AccountError
from providers.sinch_conversation.adapter import SinchConversationAdapter
from providers.sinch_conversation.tokens import TokenCache
from tests.providers.conftest import Recorder
from tests.providers.examples import ACCESS_TOKEN, KEY_ID, KEY_SECRET, account, change

ECHO = {"request_id": "r"}
EXPIRED = 'Bearer error="invalid_token", error_description="token expired"'
BASIC = f"Basic {base64.b64encode(f'{KEY_ID}:{KEY_SECRET}'.encode()).decode()}"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def at(server: Recorder, **settings: Any) -> Account:
    return account("sinch_conversation", server.base_url, **settings)


def tell(adapter: SinchConversationAdapter, where: Account, **given: Any) -> Delivery:
    return adapter.deliver(where, [change(**given)], seconds=5)


def only(delivery: Delivery) -> Result:
    (outcome,) = delivery.outcomes.values()
    return outcome.result


def paths(server: Recorder) -> list[str]:
    return [received.path.split("?")[0].rsplit("/", 1)[-1] for received in server.received]


def test_a_change_is_registered_with_a_fetched_token(server: Recorder) -> None:
    server.answers(200, ACCESS_TOKEN).answers(200, ECHO)
    told = change(Kind.OPT_OUT)
    delivery = SinchConversationAdapter().deliver(at(server), [told], seconds=5)
    assert delivery.outcomes[told.id].result is Result.ACCEPTED
    token, register = server.received
    assert token.headers["authorization"] == BASIC
    assert token.body == b"grant_type=client_credentials"
    assert token.headers["content-type"] == "application/x-www-form-urlencoded"
    assert register.headers["authorization"] == "Bearer access-token-0001"
    assert register.path.endswith(f"/optouts:register?request_id={told.request_id}")


@pytest.mark.parametrize("setting", [False, "false"])
def test_an_account_that_awaits_no_result_succeeds_at_once(
    server: Recorder, setting: object
) -> None:
    server.answers(200, ACCESS_TOKEN).answers(200, ECHO)
    assert only(tell(SinchConversationAdapter(), at(server, await_result=setting))) is (
        Result.SUCCEEDED
    )


def test_a_token_serves_until_a_minute_before_its_end(server: Recorder) -> None:
    clock = Clock()
    adapter = SinchConversationAdapter(TokenCache(clock))
    server.answers(200, ACCESS_TOKEN).answers(200, ECHO).answers(200, ECHO)
    server.answers(200, ACCESS_TOKEN).answers(200, ECHO)
    tell(adapter, at(server))
    clock.now = 3599 - 60 - 1
    tell(adapter, at(server))
    clock.now = 3599 - 60
    tell(adapter, at(server))
    register = "optins:register"
    assert paths(server) == ["token", register, register, "token", register]


def test_a_token_of_a_short_life_is_used_for_half_of_it(server: Recorder) -> None:
    clock = Clock()
    adapter = SinchConversationAdapter(TokenCache(clock))
    short = {**ACCESS_TOKEN, "expires_in": 10}
    server.answers(200, short).answers(200, ECHO).answers(200, ECHO).answers(200, short)
    server.answers(200, ECHO)
    for clock.now in (0, 4.9, 5):
        tell(adapter, at(server))
    assert paths(server).count("token") == 2


def test_other_credentials_get_another_token(server: Recorder) -> None:
    adapter, first = SinchConversationAdapter(), at(server)
    rotated = dataclasses.replace(first, credentials={**first.credentials, "key_secret": "new-one"})
    server.answers(200, ACCESS_TOKEN).answers(200, ECHO)
    server.answers(200, ACCESS_TOKEN).answers(200, ECHO)
    tell(adapter, first)
    tell(adapter, rotated)
    assert paths(server).count("token") == 2


def test_callers_at_once_share_one_token(server: Recorder) -> None:
    adapter, where = SinchConversationAdapter(), at(server)
    server.answers(200, ACCESS_TOKEN).answers(200, ECHO)
    together = threading.Barrier(6, timeout=5)

    def caller(_: int) -> Result:
        together.wait()
        return only(tell(adapter, where))

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(caller, range(6))) == {Result.ACCEPTED}
    assert paths(server).count("token") == 1


def test_a_caller_waits_for_anothers_token_no_longer_than_its_own_time(server: Recorder) -> None:
    adapter, where = SinchConversationAdapter(), at(server)
    server.keeps_silent()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(adapter.deliver, where, [change()], seconds=2)
        assert server.arrived.wait(5)
        second = adapter.deliver(where, [change()], seconds=0.2)
        server.released.set()
        assert only(first.result(timeout=5)) is Result.NOT_SENT
    assert second.account_fault is not None
    assert (second.account_fault.fault, only(second)) == (Fault.TIMEOUT, Result.NOT_SENT)
    assert len(server.received) == 1


def test_an_expired_token_is_replaced_once_and_the_call_repeated(server: Recorder) -> None:
    renewed = {**ACCESS_TOKEN, "access_token": "access-token-0002"}
    server.answers(200, ACCESS_TOKEN).answers(401, WWW_Authenticate=EXPIRED)
    server.answers(200, renewed).answers(200, ECHO)
    assert only(tell(SinchConversationAdapter(), at(server))) is Result.ACCEPTED
    assert server.received[3].headers["authorization"] == "Bearer access-token-0002"
    assert server.received[1].path == server.received[3].path


def test_a_token_that_is_always_expired_ends_as_a_wrong_credential(server: Recorder) -> None:
    server.answers(200, ACCESS_TOKEN).answers(401, WWW_Authenticate=EXPIRED)
    server.answers(200, ACCESS_TOKEN).answers(401, WWW_Authenticate=EXPIRED)
    delivery = tell(SinchConversationAdapter(), at(server))
    assert delivery.account_fault is not None
    assert (delivery.account_fault.fault, only(delivery)) == (Fault.CREDENTIALS, Result.NOT_SENT)
    assert len(server.received) == 4


def test_a_refused_token_is_not_renewed_at_once_but_not_kept_either(server: Recorder) -> None:
    adapter, where = SinchConversationAdapter(), at(server)
    server.answers(200, ACCESS_TOKEN).answers(401).answers(200, ACCESS_TOKEN).answers(200, ECHO)
    assert only(tell(adapter, where)) is Result.NOT_SENT
    assert only(tell(adapter, where)) is Result.ACCEPTED
    assert paths(server) == ["token", "optins:register", "token", "optins:register"]


@pytest.mark.parametrize(
    ("status", "fault"),
    [(401, Fault.CREDENTIALS), (429, Fault.RATE_LIMITED), (500, Fault.UNAVAILABLE)],
)
def test_a_failing_token_endpoint_sends_nothing(
    server: Recorder, status: int, fault: Fault
) -> None:
    server.answers(status, {"error": "why"}, Retry_After="7")
    delivery = tell(SinchConversationAdapter(), at(server))
    assert delivery.account_fault is not None
    assert (delivery.account_fault.fault, only(delivery)) == (fault, Result.NOT_SENT)
    assert delivery.account_fault.retry_after is not None
    assert paths(server) == ["token"]


@pytest.mark.parametrize("behaviour", ["drops", "keeps_silent"])
def test_a_token_endpoint_without_an_answer_sends_nothing(server: Recorder, behaviour: str) -> None:
    getattr(server, behaviour)()
    delivery = SinchConversationAdapter().deliver(at(server), [change()], seconds=0.3)
    assert only(delivery) is Result.NOT_SENT


def test_basic_authorization_needs_no_token(server: Recorder) -> None:
    server.answers(200, ECHO)
    assert only(tell(SinchConversationAdapter(), at(server, auth="basic"))) is Result.ACCEPTED
    assert [received.headers["authorization"] for received in server.received] == [BASIC]


def test_no_token_is_kept_in_a_trace(server: Recorder) -> None:
    server.answers(200, ACCESS_TOKEN).answers(400, {"message": "bad access-token-0001"})
    delivery = tell(SinchConversationAdapter(), at(server))
    assert "access-token-0001" not in repr(delivery)
    assert len(delivery.traces) == 2


def test_a_user_id_is_unsupported_without_a_call(server: Recorder) -> None:
    delivery = tell(SinchConversationAdapter(), at(server), identity="US.1A2b3C")
    assert only(delivery) is Result.UNSUPPORTED
    assert not server.received


def test_when_registering_is_withdrawn_an_opt_out_is_listed_with_the_same_token(
    server: Recorder,
) -> None:
    server.answers(200, ACCESS_TOKEN).answers(200, {"batch_id": "b"})
    where = dataclasses.replace(at(server), is_withdrawn=True)
    assert only(tell(SinchConversationAdapter(), where, kind=Kind.OPT_OUT)) is Result.SUCCEEDED
    assert paths(server) == ["token", "consents"]
    assert server.received[1].headers["authorization"] == "Bearer access-token-0001"


def test_when_registering_is_withdrawn_an_opt_in_is_unsupported_without_a_call(
    server: Recorder,
) -> None:
    where = dataclasses.replace(at(server), is_withdrawn=True)
    delivery = tell(SinchConversationAdapter(), where, kind=Kind.OPT_IN)
    assert only(delivery) is Result.UNSUPPORTED
    assert not server.received


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        (None, {"WHATSAPP"}),
        (["WHATSAPP", "RCS"], {"WHATSAPP", "RCS"}),
        ("whatsapp, viber", {"WHATSAPP", "VIBER"}),
        (["WHATSAPP", "EMAIL"], {"WHATSAPP"}),
    ],
)
def test_the_channels_are_the_accounts_setting(channels: Any, expected: set[str]) -> None:
    settings = {} if channels is None else {"channels": channels}
    where = account("sinch_conversation", "https://eu.conversation.api.sinch.com", **settings)
    assert SinchConversationAdapter().channels(where) == expected


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"external_id": ""}, "missing"),
        ({"external_id": "my-app"}, "ULID"),
        ({"settings": {"channels": "EMAIL"}}, "EMAIL"),
        ({"settings": {"auth": "magic"}}, "auth"),
    ],
)
def test_what_is_wrong_with_an_account_is_said(changed: dict[str, Any], word: str) -> None:
    good = account("sinch_conversation", "https://eu.conversation.api.sinch.com")
    good = dataclasses.replace(good, credentials={**good.credentials, "token_url": ""})
    assert SinchConversationAdapter().problems(good) == []
    (problem,) = SinchConversationAdapter().problems(dataclasses.replace(good, **changed))
    assert word in problem


def test_a_token_url_must_be_safe_as_well(server: Recorder) -> None:
    where = at(server)
    credentials = {**where.credentials, "token_url": "http://auth.example.com/oauth2/token"}
    delivery = tell(SinchConversationAdapter(), dataclasses.replace(where, credentials=credentials))
    assert only(delivery) is Result.NOT_SENT
    assert not server.received


def test_it_is_tried_out_by_a_token_alone_fetched_anew_each_time(server: Recorder) -> None:
    server.answers(200, ACCESS_TOKEN)
    adapter = SinchConversationAdapter()
    assert [adapter.try_out(at(server), seconds=5) for _ in range(2)] == [True, True]
    assert paths(server) == ["token", "token"]


def test_a_trial_says_what_is_wrong_and_no_secret(server: Recorder) -> None:
    body = {"error": "invalid_client", "error_description": f"no such secret {KEY_SECRET}"}
    server.answers(401, body)
    with pytest.raises(AccountError) as caught:
        SinchConversationAdapter().try_out(at(server), seconds=5)
    assert caught.value.fault is Fault.CREDENTIALS
    assert "no such secret" in str(caught.value)
    assert KEY_SECRET not in str(caught.value)

"""What holds for every drop-in, whatever its dialect."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.urls import resolve

from consents.models import ChannelIdentity, ConsentEvent, Sender
from consents.vocabulary import Outcome
from providers import orders, registry
from providers.dropin_contract import Dropin, Problem, Reply, TokenDropin
from providers.models import ProviderAccount, ProviderSync
from tests.consents.factories import NUMBER, SenderFactory, british_number, state_of
from tests.providers.dropin_caller import (
    CONVERSATION,
    PEPIPOST,
    WHATSAPP,
    DropinCaller,
    lines,
    people,
)
from tests.providers.factories import AccountFactory

pytestmark = pytest.mark.django_db

PATHS = {"pepipost": PEPIPOST, "sinch_conversation": CONVERSATION, "sinch_whatsapp": WHATSAPP}
KINDS = sorted(PATHS)

OPT_IN: dict[str, Callable[[DropinCaller], Any]] = {
    "pepipost": lambda caller: caller.consent("optin", NUMBER),
    "sinch_conversation": lambda caller: caller.register("optins", people(("WHATSAPP", NUMBER))),
    "sinch_whatsapp": lambda caller: caller.provision("POST", "optin", NUMBER),
}
OPT_OUT: dict[str, Callable[[DropinCaller], Any]] = {
    "pepipost": lambda caller: caller.consent("optout", NUMBER),
    "sinch_conversation": lambda caller: caller.register("optouts", people(("WHATSAPP", NUMBER))),
    "sinch_whatsapp": lambda caller: caller.provision("DELETE", "optin", NUMBER),
}

# The keys that the provider's own error bodies have.
SHAPES = {
    "pepipost": {"error", "message", "status"},
    "sinch_conversation": {"error"},
    "sinch_whatsapp": {"message", "details"},
}


@pytest.fixture(autouse=True)
def configured(sender: Sender) -> None:
    for kind in KINDS:
        AccountFactory(sender=sender, kind=kind)


@pytest.fixture
def caller() -> DropinCaller:
    return DropinCaller()


def is_in_shape(kind: str, answer: Any) -> bool:
    return answer.headers["Content-Type"] == "application/json" and (
        json.loads(answer.content).keys() == SHAPES[kind]
    )


def test_there_is_a_drop_in_for_every_provider() -> None:
    assert sorted(registry.kinds()) == KINDS
    for kind, path in PATHS.items():
        assert isinstance(registry.dropin(kind), Dropin)
        assert resolve(path).func.view_initkwargs == {"kind": kind}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("problem", Problem)
def test_every_dialect_has_words_for_every_problem(kind: str, problem: Problem) -> None:
    dropin = registry.dropin(kind)
    replies = [dropin.refuse(problem)]
    if isinstance(dropin, TokenDropin):
        replies.append(dropin.refuse_token(problem))
    for reply in replies:
        assert isinstance(reply, Reply)
        assert reply.status >= 400 or kind == "pepipost"
        assert json.dumps(reply.document)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_drop_in_is_told_goes_to_every_account_of_the_sender(
    caller: DropinCaller, kind: str
) -> None:
    assert OPT_IN[kind](caller).status_code == 200
    assert state_of() == "opted_in"
    told = ProviderSync.objects.filter(identity__address=NUMBER)
    assert set(told.values_list("account__kind", "kind")) == {(one, "opt_in") for one in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_opt_out_is_a_success_and_reaches_no_provider_again(
    caller: DropinCaller, kind: str
) -> None:
    assert [OPT_OUT[kind](caller).status_code for _ in range(3)] == [200, 200, 200]
    assert ProviderSync.objects.count() == len(KINDS)
    outcomes = ConsentEvent.objects.order_by("seq").values_list("outcome", flat=True)
    assert list(outcomes) == [Outcome.CHANGED, Outcome.NO_CHANGE, Outcome.NO_CHANGE]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scopes", [["read"], ["check", "manage"]])
def test_a_key_without_the_scope_record_records_nothing(kind: str, scopes: list[str]) -> None:
    answer = OPT_OUT[kind](DropinCaller(*scopes))
    assert answer.status_code == (401 if kind == "sinch_whatsapp" else 403)
    assert is_in_shape(kind, answer)
    assert lines() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_of_another_sender_touches_nothing_of_this_one(kind: str) -> None:
    SenderFactory(key="second")
    OPT_OUT[kind](DropinCaller(senders=["second"]))
    assert lines(sender__key="default") == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [OPT_IN, OPT_OUT], ids=["opt-in", "opt-out"])
def test_a_key_of_nobody_can_do_nothing(caller: DropinCaller, kind: str, call: Any) -> None:
    caller.api_key.senders.clear()
    answer = call[kind](caller)
    assert answer.status_code in {401, 403, 404}
    assert is_in_shape(kind, answer)
    assert lines() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_beyond_the_limit_is_refused_before_it_is_read(
    caller: DropinCaller, kind: str, settings: Any
) -> None:
    settings.API_BODY_MAX = 1000
    answer = caller.send("POST", PATHS[kind], b"[" * 1001)
    assert answer.status_code == 413
    assert is_in_shape(kind, answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0" * 50,
        b"\xff\xfe\x00",
        b"[" * 200_000,
        b'{"a":' * 100_000,
        b'{"numbers": [' + b"9" * 5000 + b"]}",
        b'{"type": NaN, "numbers": [NaN], "app_id": Infinity}',
        b"<html>",
    ],
)
def test_nonsense_has_an_error_in_the_dialect_and_never_a_500(
    caller: DropinCaller, kind: str, body: bytes
) -> None:
    answer = caller.send("POST", PATHS[kind], body)
    assert answer.status_code in {200, 400}
    document = json.loads(answer.content)
    assert document.get("status") == "failure" or document.keys() == SHAPES[kind]
    assert lines() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", ["a=b&" * 2000, "request_id=%ff%00", "request_id[]=1&&&=", "%"])
def test_a_nonsensical_query_is_no_500_either(caller: DropinCaller, kind: str, query: str) -> None:
    answer = caller.send("POST", f"{PATHS[kind]}?{query}", b"{}")
    assert answer.status_code in {200, 400}
    assert lines() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_shorter_than_its_length_is_refused(caller: DropinCaller, kind: str) -> None:
    headers = {"Authorization": caller.authorization}
    broken = {"CONTENT_LENGTH": "50", "wsgi.input": io.BytesIO(b"{}")}
    answer = caller.client.generic("POST", PATHS[kind], b"{}", headers=headers, **broken)
    assert answer.status_code == 400
    assert is_in_shape(kind, answer)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_any_content_type_will_do(caller: DropinCaller, kind: str, content_type: str) -> None:
    bodies: dict[str, Any] = {
        "pepipost": {"type": "optin", "recipients": [{"recipient": NUMBER, "source": "WEB"}]},
        "sinch_whatsapp": {"numbers": [NUMBER]},
        "sinch_conversation": {
            "app_id": "01HZCONSENTAPP000000000001",
            "channels": ["WHATSAPP"],
            "recipient": people(("WHATSAPP", NUMBER)),
        },
    }
    answer = caller.send("POST", PATHS[kind], bodies[kind], content_type=content_type)
    assert answer.status_code == 200
    assert lines() == [("opt_in", NUMBER)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused_in_the_dialect(
    caller: DropinCaller, kind: str, method: str
) -> None:
    answer = caller.send(method, PATHS[kind])
    assert answer.status_code == 405
    assert method == "HEAD" or is_in_shape(kind, answer)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("pepipost", "/api/v2/message/"),
        ("sinch_conversation", "/v1/projects/p/messages:send"),
        ("sinch_conversation", "/v1/projects/p/optins:registered"),
        ("sinch_whatsapp", "/whatsapp/v1/sandbox-bot/messages"),
        ("sinch_whatsapp", "/whatsapp/v1/a/b/provision/optin"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_the_providers_other_addresses_are_a_404_in_the_dialect(
    caller: DropinCaller, kind: str, path: str, method: str
) -> None:
    answer = caller.send(method, path)
    assert answer.status_code == 404
    assert is_in_shape(kind, answer)


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_calls_too_often_is_told_when_to_come_back(
    caller: DropinCaller, kind: str, settings: Any
) -> None:
    settings.API_THROTTLE_RATE = "1/hour"
    assert OPT_OUT[kind](caller).status_code == 200
    answer = OPT_OUT[kind](caller)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert is_in_shape(kind, answer)


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_is_away_is_a_503_that_asks_to_come_back(
    caller: DropinCaller, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(order: Any) -> bool:
        raise OperationalError("host and password")

    monkeypatch.setattr(orders, "carry_out", fail)
    answer = OPT_OUT[kind](caller)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert is_in_shape(kind, answer)
    assert b"password" not in answer.content


@pytest.mark.parametrize("kind", KINDS)
def test_what_nobody_foresaw_is_a_500_without_a_word_of_it(
    caller: DropinCaller, kind: str, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def fail(order: Any) -> bool:
        raise RuntimeError("the reason")

    monkeypatch.setattr(orders, "carry_out", fail)
    answer = OPT_OUT[kind](caller)
    assert answer.status_code == 500
    assert is_in_shape(kind, answer)
    assert b"the reason" not in answer.content
    assert "Internal error" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_a_disabled_account_still_names_its_sender(caller: DropinCaller, kind: str) -> None:
    ProviderAccount.objects.update(is_enabled=False)
    assert OPT_OUT[kind](caller).status_code == 200
    assert lines() == [("opt_out", NUMBER)]


def test_a_full_list_is_recorded_in_one_go(caller: DropinCaller) -> None:
    numbers = [british_number(index) for index in range(1000)]
    assert caller.consent("optout", *numbers).json()["status"] == "success"
    assert ConsentEvent.objects.count() == 1000


@pytest.fixture
def threads() -> Callable[[list[Callable[[], Any]]], list[Any]]:
    """Runs calls at once, each on a connection of its own, and gives what they answered."""

    def run(calls: list[Callable[[], Any]]) -> list[Any]:
        answers: list[Any] = [None] * len(calls)
        begin = threading.Barrier(len(calls), timeout=10)

        def work(at: int) -> None:
            try:
                begin.wait()
                answers[at] = calls[at]()
            finally:
                connections.close_all()

        running = [threading.Thread(target=work, args=(at,)) for at in range(len(calls))]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join(30)
        return answers

    return run


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", KINDS)
def test_two_at_once_about_somebody_new_are_both_recorded(
    kind: str, threads: Callable[[list[Callable[[], Any]]], list[Any]]
) -> None:
    callers = [DropinCaller() for _ in range(6)]
    calls = [lambda one=one: OPT_OUT[kind](one) for one in callers]
    assert [answer.status_code for answer in threads(calls)] == [200] * 6
    assert lines() == [("opt_out", NUMBER)] * 6


@pytest.mark.django_db(transaction=True)
def test_several_at_once_about_several_identities_of_one_new_person_make_one_contact(
    threads: Callable[[list[Callable[[], Any]]], list[Any]],
) -> None:
    named = people(("WHATSAPP", NUMBER), ("SMS", NUMBER))
    callers = [DropinCaller() for _ in range(6)]
    calls = [
        lambda one=one: one.register("optins", named, channels=["WHATSAPP", "SMS"])
        for one in callers
    ]
    assert {answer.status_code for answer in threads(calls)} == {200}
    assert len(lines(origin="dropin")) == 12
    assert len(set(ChannelIdentity.objects.values_list("contact", flat=True))) == 1

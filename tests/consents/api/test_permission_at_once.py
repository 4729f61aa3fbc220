"""The short way of `permission/` and the usual one answer alike, to the byte and the header."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from consents import gate
from consents.api.permission import OnePermission
from consents.models import ApiKey, ChannelIdentity
from tests.consents.api.caller import Caller, code_of, issue
from tests.consents.factories import (
    NUMBER,
    MessageFactory,
    OptInFactory,
    PurposeFactory,
    SenderFactory,
    StopFactory,
    british_number,
)

pytestmark = pytest.mark.django_db
ASKED = {"channel": "WHATSAPP", "identity": NUMBER}
PATH = "/api/v1/permission/"
_MOMENT = re.compile(rb'"as_of":"[^"]*"')
Ways = Callable[[Callable[[], Any]], list[Any]]


@pytest.fixture
def both_ways(monkeypatch: pytest.MonkeyPatch) -> Ways:
    """What a call gets by the short way, where there is one, and by the usual way."""

    def call(ask: Callable[[], Any]) -> list[Any]:
        answers = [seen(ask())]
        with monkeypatch.context() as usual:
            usual.setattr(OnePermission, "_at_once", lambda self, request: None)
            answers.append(seen(ask()))
        return answers

    return call


def seen(answer: Any) -> tuple[Any, ...]:
    body = _MOMENT.sub(b'"as_of":"then"', answer.content)
    # A policy lists its directives in no order.
    headers = {name: sorted(value.split("; ")) for name, value in answer.headers.items()}
    return answer.status_code, body, headers


@pytest.fixture
def people(sender: Any) -> list[str]:
    """One in every situation that the gate tells apart."""
    PurposeFactory(key="newsletter")
    numbers = [british_number(index) for index in range(6)]
    OptInFactory(identity=numbers[0])
    OptInFactory(identity=numbers[1], purpose="newsletter")
    MessageFactory(identity=numbers[1])
    StopFactory(identity=numbers[2])
    MessageFactory(identity=numbers[3])
    MessageFactory(identity=numbers[4], text="do not stop")
    StopFactory(identity=numbers[5])
    ChannelIdentity.objects.filter(address=numbers[5]).update(address=None, lookup_key=None)
    return [*numbers, "447700900999", "nobody", f"+{numbers[0]}", f" {numbers[0]}"]


@pytest.mark.parametrize("purpose", [None, "service", "marketing", "newsletter"])
def test_every_answer_is_the_same(
    api: Caller, people: list[str], both_ways: Ways, purpose: str | None
) -> None:
    for identity in people:
        query = {"channel": "whatsapp", "identity": identity}
        query |= {"purpose": purpose} if purpose else {}
        short, usual = both_ways(lambda query=query: api.get("permission/", **query))
        assert short[0] == 200
        assert short == usual


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"channel": "WHATSAPP"}, 400),
        ({**ASKED, "identity": ""}, 400),
        ({**ASKED, "channel": ""}, 400),
        ({**ASKED, "channel": "FAX"}, 400),
        ({**ASKED, "channel": "WHATS\0APP"}, 400),
        ({**ASKED, "purpose": "astrology"}, 400),
        ({**ASKED, "purpose": "all"}, 400),
        ({**ASKED, "purpose": ""}, 400),
        ({**ASKED, "purpose": "a\0"}, 400),
        ({**ASKED, "identity": "4673\0"}, 400),
        ({**ASKED, "identity": [NUMBER, NUMBER]}, 400),
        ({**ASKED, "sender": "default"}, 200),
        ({**ASKED, "sender": "other"}, 403),
        ({**ASKED, "sender": "nowhere"}, 403),
        ({**ASKED, "sender": ""}, 400),
        ({**ASKED, "sender": "default\0"}, 403),
        ({**ASKED, "when": "now"}, 400),
        ({**ASKED, "at": ""}, 400),
        ({**ASKED, "at": "yesterday"}, 400),
        ({**ASKED, "at": "2026-01-01T00:00:00Z"}, 200),
        ({**ASKED, "hindsight": "true"}, 200),
        ({**ASKED, "hindsight": "perhaps"}, 400),
    ],
)
def test_every_question_is_treated_the_same(
    api: Caller, both_ways: Ways, query: dict[str, Any], status: int
) -> None:
    SenderFactory(key="other")
    OptInFactory()
    short, usual = both_ways(lambda: api.get("permission/", **query))
    assert short[0] == status
    assert short == usual


@pytest.mark.parametrize(
    "shown",
    [None, "", "Bearer", "Basic YTpi", "Bearer ob_wrong_key", "Bearer schlüssel", "bearer "],
)
def test_without_a_valid_key_nobody_comes_in(api: Caller, both_ways: Ways, shown: Any) -> None:
    headers = {} if shown is None else {"Authorization": shown}
    short, usual = both_ways(lambda: api.client.get(PATH, ASKED, headers=headers))
    assert short[0] == 401
    assert short == usual


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer "])
def test_a_key_may_be_shown_in_several_ways(api: Caller, both_ways: Ways, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {api.key}"}
    short, usual = both_ways(lambda: api.client.get(PATH, ASKED, headers=headers))
    assert short[0] == 200
    assert short == usual


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_a_key_that_has_ended_is_refused(api: Caller, both_ways: Ways, ended: str) -> None:
    ApiKey.objects.update(**{ended: timezone.now() - timedelta(seconds=1)})
    short, usual = both_ways(lambda: api.get("permission/", **ASKED))
    assert short[0] == 401
    assert short == usual


def test_a_key_without_the_scope_is_refused(sender: Any, both_ways: Ways) -> None:
    caller = issue("record", "read", "manage")
    short, usual = both_ways(lambda: caller.get("permission/", **ASKED))
    assert short[0] == 403
    assert short == usual


def test_a_key_of_several_senders_or_none_must_say_for_whom(sender: Any, both_ways: Ways) -> None:
    SenderFactory(key="other")
    several, none = issue(senders=["default", "other"]), issue()
    ApiKey.objects.get(digest=ApiKey.digest_of(none.key)).senders.clear()
    for caller, status in [(several, 400), (none, 403)]:
        short, usual = both_ways(lambda caller=caller: caller.get("permission/", **ASKED))
        assert short[0] == status
        assert short == usual
    short, usual = both_ways(lambda: several.get("permission/", **ASKED, sender="other"))
    assert short[0] == 200
    assert short == usual


@pytest.mark.parametrize("method", ["head", "options", "post", "put", "delete", "patch", "trace"])
def test_every_other_method_is_treated_the_same(api: Caller, both_ways: Ways, method: str) -> None:
    call = getattr(api.client, method)
    headers = {"Authorization": f"Bearer {api.key}"}
    short, usual = both_ways(lambda: call(f"{PATH}?channel=SMS&identity={NUMBER}", headers=headers))
    assert short == usual


def test_an_address_without_its_slash_is_not_there(api: Caller, both_ways: Ways) -> None:
    short, usual = both_ways(lambda: api.get("permission", **ASKED))
    assert short[0] == 404
    assert short == usual


def test_a_rate_holds_and_each_call_counts_once(
    api: Caller, both_ways: Ways, settings: Any
) -> None:
    settings.API_THROTTLE_RATE = "3/hour"
    assert [answer[0] for answer in both_ways(lambda: api.get("permission/", **ASKED))] == [
        200,
        200,
    ]
    assert api.get("permission/", **ASKED).status_code == 200
    short, usual = both_ways(lambda: api.get("permission/", **ASKED))
    assert short[0] == usual[0] == 429
    assert short[1] == usual[1]
    assert int(*short[2]["Retry-After"]) > 0


def test_what_is_left_of_a_rate_is_told_by_the_short_way_too(api: Caller, both_ways: Ways) -> None:
    ApiKey.objects.update(rate="600/min")
    short, usual = both_ways(lambda: api.get("permission/", **ASKED))
    assert short[2]["RateLimit-Policy"] == usual[2]["RateLimit-Policy"] == ['"key";q=600;w=60']
    assert short[2]["RateLimit"][0].startswith('"key";r=599;')
    assert usual[2]["RateLimit"][0].startswith('"key";r=598;')


def test_a_question_that_cannot_be_counts_once_too(api: Caller, settings: Any) -> None:
    settings.API_THROTTLE_RATE = "2/hour"
    asked = {**ASKED, "purpose": "astrology"}
    assert [api.get("permission/", **asked).status_code for _ in range(3)] == [400, 400, 429]


def test_without_a_database_the_answer_is_to_come_back(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(gate, "check_with_key", fail)
    answer = api.get("permission/", **ASKED)
    assert code_of(answer) == (503, "try_again")
    assert answer.headers["Retry-After"]


def test_a_fault_of_ours_is_told_as_one(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError(NUMBER)

    monkeypatch.setattr(gate, "check_with_key", fail)
    answer = api.get("permission/", **ASKED)
    assert code_of(answer) == (500, "internal_error")
    assert NUMBER not in answer.content.decode()


@pytest.mark.parametrize("identity", [NUMBER, british_number(0), "nobody"])
def test_one_question_is_one_query_in_all(
    api: Caller, django_assert_num_queries: Any, identity: str
) -> None:
    OptInFactory()
    OptInFactory(purpose="marketing")
    api.get("permission/", **ASKED)  # notes that the key is used, which is done once a minute
    with django_assert_num_queries(1):
        answer = api.get("permission/", channel="WHATSAPP", identity=identity, purpose="marketing")
    assert answer.status_code == 200


def test_the_use_of_the_key_is_noted_by_a_query_of_its_own_once_a_minute(
    api: Caller, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        api.get("permission/", **ASKED)
    noted = ApiKey.objects.get().last_used_at
    assert noted is not None
    with django_assert_num_queries(1):
        api.get("permission/", **ASKED)
    ApiKey.objects.update(last_used_at=noted - timedelta(minutes=2))
    with django_assert_num_queries(2):
        api.get("permission/", **ASKED)

"""Sinch's opt-out lists read back over the wire: pages, records of one identity, faults."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from providers.contract import Account, Fault
from providers.errors import AccountError
from providers.sinch_conversation import readback
from providers.sinch_conversation.readback import SinchConversationReader
from tests.providers.conftest import Recorder
from tests.providers.examples import ACCESS_TOKEN, APP_ID, KEY_ID, KEY_SECRET, PROJECT, account

NUMBER = "447700900123"
CONSENTS = f"/v1/projects/{PROJECT}/apps/{APP_ID}/consents/"
EXPIRED = 'Bearer error="invalid_token", error_description="token expired"'
BASIC = f"Basic {base64.b64encode(f'{KEY_ID}:{KEY_SECRET}'.encode()).decode()}"


@pytest.fixture
def at(server: Recorder) -> Account:
    """An account that asks for no token, so that each script is about the lists alone."""
    return account("sinch_conversation", server.base_url, auth="basic")


def page(*numbers: object, following: object = "") -> dict[str, Any]:
    return {"identities": [{"identity": one} for one in numbers], "next_page_token": following}


def listed(where: Account) -> set[str]:
    return SinchConversationReader().listed(where, "OPT_OUT_ALL")


def refused(where: Account) -> AccountError:
    with pytest.raises(AccountError) as caught:
        listed(where)
    return caught.value


def test_a_list_is_asked_for_in_the_largest_pages_until_there_is_none(
    server: Recorder, at: Account
) -> None:
    server.answers(200, page("1", "2", following="a b/c")).answers(200, page("3"))
    assert listed(at) == {"1", "2", "3"}
    first, second = (urlsplit(one.path) for one in server.received)
    assert first.path == second.path == f"{CONSENTS}OPT_OUT_ALL"
    assert parse_qs(first.query) == {"page_size": ["50"]}
    assert parse_qs(second.query) == {"page_size": ["50"], "page_token": ["a b/c"]}
    assert {one.method for one in server.received} == {"GET"}


def test_a_page_that_names_itself_as_the_next_is_the_last(server: Recorder, at: Account) -> None:
    server.answers(200, page("1", following="x")).answers(200, page("2", following="x"))
    assert listed(at) == {"1", "2"}
    assert len(server.received) == 2


def test_a_list_without_end_is_given_up(
    server: Recorder, at: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readback, "PAGES_MAX", 3)
    for token in ("a", "b", "c", "d"):
        server.answers(200, page("1", following=token))
    assert refused(at).code == "endless_list"
    assert len(server.received) == 3


@pytest.mark.parametrize(
    "content",
    [{}, {"identities": None}, {"identities": [None, 7, {}, {"identity": None}, {"identity": []}]}],
)
def test_what_is_no_identity_is_passed_over(
    server: Recorder, at: Account, content: dict[str, Any]
) -> None:
    server.answers(200, content)
    assert listed(at) == set()


def test_the_records_of_an_identity_are_kept_without_it(server: Recorder, at: Account) -> None:
    record = {
        "origin": "ORIGIN_MO",
        "operation": "OPERATION_INSERT",
        "list_type": "OPT_OUT_ALL",
        "datetime": "2026-02-03T10:20:00.000000Z",
    }
    beside = {"project_id": PROJECT, "app_id": APP_ID, "identity": NUMBER}
    content = {"identity": {"identity": NUMBER}, "audit_records": [{**record, **beside}]}
    server.answers(200, content)
    assert SinchConversationReader().audit(at, f"+{NUMBER}") == [record]
    assert server.received[0].path == f"{CONSENTS}identities/{NUMBER}"


def test_an_identity_of_which_nothing_is_known_has_no_records(
    server: Recorder, at: Account
) -> None:
    server.answers(404, {"error": {"code": 404, "message": "why", "status": "NOT_FOUND"}})
    assert SinchConversationReader().audit(at, NUMBER) == []


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (400, Fault.CREDENTIALS),
        (401, Fault.CREDENTIALS),
        (403, Fault.CREDENTIALS),
        (404, Fault.CREDENTIALS),
        (429, Fault.RATE_LIMITED),
        (503, Fault.UNAVAILABLE),
    ],
)
def test_a_list_that_is_refused_is_no_empty_list(
    server: Recorder, at: Account, status: int, fault: Fault
) -> None:
    server.answers(status, {"error": {"code": status, "message": "why", "status": "NO"}})
    error = refused(at)
    assert (error.fault, error.text) == (fault, "why")


@pytest.mark.parametrize("body", [b"", "<html>", "[]"])
def test_a_200_that_is_not_sinchs_is_no_empty_list(
    server: Recorder, at: Account, body: Any
) -> None:
    server.answers(200, body)
    assert refused(at).code == "unreadable"


def test_a_token_is_fetched_once_and_renewed_when_it_has_expired(server: Recorder) -> None:
    renewed = {**ACCESS_TOKEN, "access_token": "access-token-0002"}
    server.answers(200, ACCESS_TOKEN).answers(401, WWW_Authenticate=EXPIRED)
    server.answers(200, renewed).answers(200, page("1", following="x")).answers(200, page("2"))
    where = account("sinch_conversation", server.base_url)
    assert listed(where) == {"1", "2"}
    assert [one.headers["authorization"] for one in server.received] == [
        BASIC,
        "Bearer access-token-0001",
        BASIC,
        "Bearer access-token-0002",
        "Bearer access-token-0002",
    ]


def test_basic_authorization_needs_no_token(server: Recorder, at: Account) -> None:
    server.answers(200, page())
    listed(at)
    assert [one.headers["authorization"] for one in server.received] == [BASIC]

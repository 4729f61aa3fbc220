from __future__ import annotations

import pytest

from providers.contract import Kind, Outcome, Result
from providers.pepipost.adapter import PepipostAdapter
from tests.providers.conftest import Recorder
from tests.providers.examples import TOKEN, account, change

ADDED = {"status": "success", "message": "Optin successfully added."}


def tell(server: Recorder, kind: Kind = Kind.OPT_IN, **given: str) -> Outcome:
    told = change(kind, **given)
    at = account("pepipost", server.base_url)
    return PepipostAdapter().deliver(at, [told], seconds=5).outcomes[told.id]


@pytest.mark.parametrize(("kind", "word"), [(Kind.OPT_IN, "optin"), (Kind.OPT_OUT, "optout")])
def test_a_change_is_told_as_the_page_says(server: Recorder, kind: Kind, word: str) -> None:
    server.answers(200, ADDED)
    assert tell(server, kind).result is Result.SUCCEEDED
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/api/v2/consent/manage/")
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.headers["content-type"] == "application/json"
    assert received.document["type"] == word
    assert received.document["recipients"] == [{"recipient": "46732001122", "source": "WEB"}]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"identity": "123456789"}, "recipient value cannot be less than 10 digits."),
        ({"identity": "1" * 16}, "recipient value cannot be greater than 15 digits."),
        ({"identity": "x"}, "Invalid recipient. Only numeric values allowed."),
        ({"source": ""}, "source cannot be empty."),
        ({"source": "s" * 26}, "source value cannot be greater than 25 characters."),
    ],
)
def test_what_the_provider_would_reject_is_rejected_without_a_call(
    server: Recorder, given: dict[str, str], text: str
) -> None:
    outcome = tell(server, **given)
    assert (outcome.result, outcome.code, outcome.text) == (Result.REJECTED, "8006", text)
    assert not server.received


def test_a_user_id_is_unsupported_without_a_call(server: Recorder) -> None:
    assert tell(server, identity="US.1A2b3C").result is Result.UNSUPPORTED
    assert not server.received


def test_a_change_without_a_source_takes_the_accounts(server: Recorder) -> None:
    server.answers(200, ADDED)
    told, at = change(source=""), account("pepipost", server.base_url, default_source="CRM")
    delivery = PepipostAdapter().deliver(at, [told], seconds=5)
    assert delivery.outcomes[told.id].result is Result.SUCCEEDED
    assert server.received[0].document["recipients"][0]["source"] == "CRM"


def test_a_base_url_may_end_in_a_slash(server: Recorder) -> None:
    server.answers(200, ADDED)
    PepipostAdapter().deliver(account("pepipost", f"{server.base_url}/"), [change()], seconds=5)
    assert server.received[0].path == "/api/v2/consent/manage/"


def test_the_account_holds_whatsapp_alone() -> None:
    at = account("pepipost", "https://waapi.pepipost.com")
    assert PepipostAdapter().channels(at) == {"WHATSAPP"}
    assert PepipostAdapter().problems(at) == []

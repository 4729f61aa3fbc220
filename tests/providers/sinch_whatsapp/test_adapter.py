from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from providers.contract import Change, Kind, Result
from providers.sinch_whatsapp.adapter import SinchWhatsAppAdapter
from tests.providers.conftest import Recorder
from tests.providers.examples import TOKEN, account, change


def tell(server: Recorder, changes: list[Change], **settings: Any) -> list[Result]:
    where = account("sinch_whatsapp", server.base_url, **settings)
    delivery = SinchWhatsAppAdapter().deliver(where, changes, seconds=5)
    return [delivery.outcomes[told.id].result for told in changes]


def asked(server: Recorder) -> list[tuple[str, str]]:
    return [(received.method, received.path.rsplit("/", 1)[-1]) for received in server.received]


def test_twenty_numbers_go_in_one_call(server: Recorder) -> None:
    server.answers()
    changes = [change(identity=str(46701740605 + index)) for index in range(20)]
    assert set(tell(server, changes)) == {Result.SUCCEEDED}
    (received,) = server.received
    assert (received.method, received.path) == ("POST", "/whatsapp/v1/example-bot/provision/optin")
    assert received.headers["authorization"] == f"Bearer {TOKEN}"
    assert received.document == {"numbers": [told.identity for told in changes]}
    assert SinchWhatsAppAdapter.batch_max == 20


def test_an_opt_out_is_a_delete_with_a_body(server: Recorder) -> None:
    server.answers()
    assert tell(server, [change(Kind.OPT_OUT)]) == [Result.SUCCEEDED]
    assert asked(server) == [("DELETE", "optin")]
    assert server.received[0].document == {"numbers": ["46732001122"]}


def test_an_opt_out_can_be_set_to_the_older_post(server: Recorder) -> None:
    server.answers()
    assert tell(server, [change(Kind.OPT_OUT)], opt_out_method="POST") == [Result.SUCCEEDED]
    assert asked(server) == [("POST", "optout")]


@pytest.mark.parametrize("status", [404, 405, 410])
@pytest.mark.parametrize(
    ("method", "calls"),
    [
        ("delete", [("DELETE", "optin"), ("POST", "optout")]),
        ("post", [("POST", "optout"), ("DELETE", "optin")]),
    ],
)
def test_an_opt_out_whose_way_is_gone_takes_the_other_once(
    server: Recorder, status: int, method: str, calls: list[tuple[str, str]]
) -> None:
    server.answers(status).answers(200)
    assert tell(server, [change(Kind.OPT_OUT)], opt_out_method=method) == [Result.SUCCEEDED]
    assert asked(server) == calls


def test_an_opt_out_with_both_ways_gone_is_withdrawn(server: Recorder) -> None:
    server.answers(405).answers(404)
    assert tell(server, [change(Kind.OPT_OUT)]) == [Result.WITHDRAWN]
    assert len(server.received) == 2


def test_an_opt_in_has_no_other_way(server: Recorder) -> None:
    server.answers(404)
    assert tell(server, [change()]) == [Result.WITHDRAWN]
    assert len(server.received) == 1


def test_what_cannot_be_sent_does_not_spoil_its_neighbours(server: Recorder) -> None:
    server.answers()
    changes = [change(), change(identity="US.1A2b3C"), change(identity="123456")]
    assert tell(server, changes) == [Result.SUCCEEDED, Result.UNSUPPORTED, Result.REJECTED]
    assert server.received[0].document == {"numbers": ["46732001122"]}


def test_nothing_is_called_when_nothing_can_be_sent(server: Recorder) -> None:
    assert tell(server, [change(identity="US.1A2b3C")]) == [Result.UNSUPPORTED]
    assert not server.received


def test_two_changes_of_one_number_share_its_fate(server: Recorder) -> None:
    server.answers(400)
    assert tell(server, [change(), change()]) == [Result.REJECTED, Result.REJECTED]


@pytest.mark.parametrize(
    ("external_id", "settings", "word"),
    [("", {}, "bot id"), ("bot", {"opt_out_method": "patch"}, "opt_out_method")],
)
def test_what_is_wrong_with_an_account_is_said(
    external_id: str, settings: dict[str, str], word: str
) -> None:
    good = account("sinch_whatsapp", "https://eu1.whatsapp.api.sinch.com")
    assert SinchWhatsAppAdapter().problems(good) == []
    bad = replace(good, external_id=external_id, settings=settings)
    (problem,) = SinchWhatsAppAdapter().problems(bad)
    assert word in problem

"""Sinch WhatsApp's provisioning, as Optbook answers it."""

from __future__ import annotations

from typing import Any

import pytest

from consents.models import ConsentEvent, Sender
from consents.vocabulary import Lifts, Outcome
from providers.models import ProviderAccount
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    OptOutFactory,
    SenderFactory,
    british_number,
    state_of,
)
from tests.providers.dropin_caller import DropinCaller, detail, lines
from tests.providers.factories import AccountFactory

pytestmark = pytest.mark.django_db

OPT_OUTS = [("DELETE", "optin"), ("POST", "optout")]


@pytest.fixture
def bot(sender: Sender) -> ProviderAccount:
    return AccountFactory(sender=sender, kind="sinch_whatsapp")


@pytest.fixture
def caller(bot: ProviderAccount) -> DropinCaller:
    return DropinCaller()


def error(answer: Any, status: int) -> str:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() == {"message", "details"}
    return str(answer.json()["details"])


def test_the_pages_sample_is_opted_in_and_answered_with_an_empty_body(
    caller: DropinCaller,
) -> None:
    answer = caller.provision("POST", "optin", NUMBER, OTHER_NUMBER)
    assert (answer.status_code, answer.content) == (200, b"")
    assert lines() == [("opt_in", NUMBER), ("opt_in", OTHER_NUMBER)]
    event = ConsentEvent.objects.first()
    assert event is not None
    assert (event.origin, event.source, event.actor) == ("dropin", "DROPIN", caller.client_id)


@pytest.mark.parametrize(("method", "end"), OPT_OUTS)
def test_either_way_of_opting_out_answers_with_an_empty_body(
    caller: DropinCaller, method: str, end: str
) -> None:
    answer = caller.provision(method, end, NUMBER, OTHER_NUMBER)
    assert (answer.status_code, answer.content) == (200, b"")
    assert lines() == [("opt_out", NUMBER), ("opt_out", OTHER_NUMBER)]


def test_numbers_opted_in_already_are_ignored_and_not_rejected(caller: DropinCaller) -> None:
    assert [caller.provision("POST", "optin", NUMBER).status_code for _ in range(2)] == [200, 200]
    outcomes = ConsentEvent.objects.order_by("seq").values_list("outcome", flat=True)
    assert list(outcomes) == [Outcome.CHANGED.value, Outcome.NO_CHANGE.value]


def test_one_to_twenty_numbers_are_taken(caller: DropinCaller) -> None:
    assert caller.provision("POST", "optin", british_number(0)).status_code == 200
    twenty = [british_number(index) for index in range(1, 21)]
    assert caller.provision("POST", "optin", *twenty).status_code == 200
    assert len(lines()) == 21


@pytest.mark.parametrize(("method", "end"), [("POST", "optin"), *OPT_OUTS])
def test_a_list_of_no_number_is_refused(caller: DropinCaller, method: str, end: str) -> None:
    none = caller.provision(method, end)
    assert error(none, 400) == "Field [numbers] can not be empty."
    assert lines() == []


def test_more_than_twenty_numbers_are_refused(caller: DropinCaller) -> None:
    many = caller.provision("POST", "optin", *[british_number(index) for index in range(21)])
    assert error(many, 400) == "Field [numbers] can not have more than 20 elements."
    assert lines() == []


def test_opt_outs_beyond_the_limit_are_recorded_under_the_400(caller: DropinCaller) -> None:
    many = [british_number(index) for index in range(21)]
    assert caller.provision("POST", "optout", *many).status_code == 400
    assert len(lines()) == 21


@pytest.mark.parametrize(
    "wrong", ["", "12", "46 73", "x", None, True, {}, "US.13491208655302", "٤٦"]
)
def test_opt_in_lists_are_all_or_nothing(caller: DropinCaller, wrong: object) -> None:
    answer = caller.provision("POST", "optin", NUMBER, wrong)
    expected = "Field [numbers] has no MSISDN of 7 to 15 digits at position 2."
    assert error(answer, 400) == expected
    assert lines() == []


@pytest.mark.parametrize(("method", "end"), OPT_OUTS)
def test_of_an_opt_out_list_the_valid_numbers_are_recorded_under_the_400(
    caller: DropinCaller, method: str, end: str
) -> None:
    answer = caller.provision(method, end, NUMBER, "12", OTHER_NUMBER)
    assert "position 2" in error(answer, 400)
    assert lines() == [("opt_out", NUMBER), ("opt_out", OTHER_NUMBER)]


@pytest.mark.parametrize(("end", "recorded"), [("optin", []), ("optout", [("opt_out", NUMBER)])])
def test_a_number_that_only_the_record_refuses_is_a_400_too(
    caller: DropinCaller, end: str, recorded: list[tuple[str, str]]
) -> None:
    answer = caller.provision("POST", end, "0732001122", NUMBER)
    assert "MSISDN" in error(answer, 400)
    assert lines() == recorded


def test_a_number_twice_or_as_a_json_number_or_with_a_plus_is_one_number(
    caller: DropinCaller,
) -> None:
    assert caller.provision("POST", "optin", NUMBER, int(NUMBER), f"+{NUMBER}").status_code == 200
    assert lines() == [("opt_in", NUMBER)]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"numbers": "46732001122"}', b'{"numbers": {}}', b"{}", b"\xff"]
)
def test_nonsense_is_a_400_with_the_json_error_body(caller: DropinCaller, body: bytes) -> None:
    path = "/whatsapp/v1/sandbox-bot/provision/optin"
    answer = caller.send("POST", path, body)
    assert error(answer, 400)
    assert answer.json()["message"] == "Validation error"


@pytest.mark.parametrize("authorization", ["", "Bearer ob_wrong_key", "Basic YTpi"])
def test_wrong_credentials_are_a_401_with_the_json_error_body(
    caller: DropinCaller, authorization: str
) -> None:
    answer = caller.provision("POST", "optin", NUMBER, authorization=authorization)
    assert error(answer, 401)
    assert answer.json()["message"] == "Unauthorized"
    assert lines() == []


@pytest.mark.parametrize("bot_id", ["another-bot", "%00", "sandbox-bot%00"])
def test_a_bot_that_is_nobodys_is_a_401(caller: DropinCaller, bot_id: str) -> None:
    assert error(caller.provision("POST", "optin", NUMBER, bot=bot_id), 401)


@pytest.mark.parametrize(("method", "end"), [("POST", "optin"), *OPT_OUTS])
def test_a_bot_that_is_another_senders_is_a_401_and_nothing_is_recorded(
    caller: DropinCaller, method: str, end: str
) -> None:
    SenderFactory(key="second")
    stranger = DropinCaller(senders=["second"])
    answer = stranger.provision(method, end, NUMBER)
    unknown = stranger.provision(method, end, NUMBER, bot="another-bot")
    assert error(answer, 401) == error(unknown, 401)
    assert lines() == []


def test_the_bot_names_the_sender_where_the_key_has_several(caller: DropinCaller) -> None:
    SenderFactory(key="second")
    both = DropinCaller(senders=["default", "second"])
    assert both.provision("POST", "optin", NUMBER).status_code == 200
    assert lines(sender__key="default") == [("opt_in", NUMBER)]


def test_the_accounts_source_is_recorded(caller: DropinCaller, bot: ProviderAccount) -> None:
    bot.settings["default_source"] = "CHECKOUT " * 4
    bot.save()
    caller.provision("POST", "optin", NUMBER)
    assert detail().event.source == "CHECKOUT CHECKOUT CHECKOU"
    assert detail().evidence == {"account": str(bot.id)}


def test_it_lifts_what_came_by_a_drop_in_and_nothing_else(caller: DropinCaller) -> None:
    caller.provision("POST", "optout", NUMBER)
    OptOutFactory(identity=OTHER_NUMBER)
    assert caller.provision("POST", "optin", NUMBER, OTHER_NUMBER).status_code == 200
    assert (state_of(NUMBER), state_of(OTHER_NUMBER)) == ("opted_in", "opted_out")
    newest = ConsentEvent.objects.filter(identity__address=OTHER_NUMBER).latest("seq")
    assert (newest.outcome, newest.lifts) == (Outcome.WOULD_RESURRECT, Lifts.DROPIN)


@pytest.mark.parametrize(
    ("method", "end", "allowed"),
    [("GET", "optin", "POST, DELETE"), ("DELETE", "optout", "POST"), ("PUT", "optout", "POST")],
)
def test_another_method_is_refused_with_those_that_there_are(
    caller: DropinCaller, method: str, end: str, allowed: str
) -> None:
    answer = caller.provision(method, end, NUMBER)
    assert error(answer, 405)
    assert answer.headers["Allow"] == allowed


def test_a_slash_at_the_end_does_no_harm(caller: DropinCaller) -> None:
    assert caller.provision("POST", "optin/", NUMBER).status_code == 200

"""A person's yes by message: it confirms what was asked for, and nothing where nothing was."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consents import inbound
from consents.inbound import Message
from consents.models import Consent, ConsentEvent, EventDetail, Keyword, Sender
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    MessageFactory,
    RequestFactory,
    StopFactory,
    ago,
    confirmed_within,
    state_of,
)
from tests.consents.parallel import at_once

pytestmark = pytest.mark.usefixtures("sender")


@pytest.fixture(autouse=True)
def marketing(sender: Sender) -> None:
    confirmed_within(48)


def opt_ins() -> list[ConsentEvent]:
    return list(ConsentEvent.objects.filter(action="opt_in").order_by("seq"))


@pytest.mark.parametrize(
    "text", ["yes", "YES!", "Yes please", "ja", "Ja, tack", "sí", "Si", "oui", "sim", "confirm ✅"]
)
def test_a_yes_confirms_what_waits_for_it(text: str) -> None:
    request = RequestFactory()
    received = MessageFactory(text=text)
    [event] = opt_ins()
    assert event in received.events
    assert (event.cause, event.origin, event.source) == (request, "keyword", "WEB")
    assert event.purpose == request.purpose
    evidence = EventDetail.objects.get(event=event).evidence
    assert (evidence["confirmed_by"], set(evidence)) == (
        "keyword",
        {"confirmed_by", "requested", "keyword", "message_id"},
    )
    assert state_of(purpose="marketing") == "opted_in"


@pytest.mark.parametrize("text", ["yes", "ja", "confirm"])
def test_a_yes_to_nothing_is_a_message_like_any_other(text: str) -> None:
    received = MessageFactory(text=text)
    assert received.match is None
    assert [event.action for event in received.events] == ["window_opened"]
    assert not Consent.objects.exists()


@pytest.mark.parametrize("text", ["yes I would like to know more", "yesterday", "no yes", "ok"])
def test_a_yes_in_a_longer_text_confirms_nothing(text: str) -> None:
    RequestFactory()
    MessageFactory(text=text)
    assert opt_ins() == []


def test_a_second_yes_confirms_nothing_more() -> None:
    RequestFactory()
    RequestFactory()
    MessageFactory(text="yes")
    assert MessageFactory(text="yes").match is None
    assert len(opt_ins()) == 1


def test_of_several_the_newest_is_confirmed() -> None:
    confirmed_within(48, "utility")
    RequestFactory()
    newest = RequestFactory(purpose="utility")
    MessageFactory(text="yes")
    assert [event.cause for event in opt_ins()] == [newest]


def test_a_purpose_that_is_named_is_the_one_that_is_confirmed() -> None:
    confirmed_within(48, "utility")
    meant = RequestFactory()
    RequestFactory(purpose="utility")
    MessageFactory(text="yes marketing")
    assert [event.cause for event in opt_ins()] == [meant]


def test_a_yes_to_another_purpose_than_was_asked_for_confirms_nothing() -> None:
    RequestFactory()
    assert MessageFactory(text="yes utility").match is None
    assert opt_ins() == []


def test_a_yes_of_somebody_else_confirms_nothing() -> None:
    RequestFactory()
    MessageFactory(text="yes", identity=OTHER_NUMBER)
    assert opt_ins() == []


def test_a_yes_that_was_written_before_it_was_asked_for_confirms_nothing() -> None:
    RequestFactory()
    MessageFactory(text="yes", received_at=ago(minutes=1))
    assert opt_ins() == []


def test_a_yes_too_late_confirms_nothing() -> None:
    RequestFactory(taken_at=ago(hours=49))
    assert MessageFactory(text="yes").match is None
    assert opt_ins() == []


def test_a_yes_in_time_counts_however_late_it_is_heard_of() -> None:
    asked_at = ago(hours=49)
    RequestFactory(taken_at=asked_at, occurred_at=asked_at)
    MessageFactory(text="yes", received_at=asked_at + timedelta(hours=47))
    assert state_of(purpose="marketing") == "opted_in"


def test_a_yes_after_a_stop_confirms_nothing() -> None:
    RequestFactory()
    StopFactory()
    MessageFactory(text="yes")
    assert state_of() == "opted_out"
    assert opt_ins() == []


def test_a_start_confirms_it_and_is_an_opt_in_by_itself_as_ever() -> None:
    request = RequestFactory()
    MessageFactory(text="START")
    assert [(event.cause, event.purpose.key, event.outcome) for event in opt_ins()] == [
        (request, "marketing", "changed"),
        (None, "all", "changed"),
    ]


def test_a_start_too_late_is_an_opt_in_by_itself_as_ever() -> None:
    RequestFactory(taken_at=ago(hours=49))
    MessageFactory(text="START")
    assert [(event.cause, event.purpose.key) for event in opt_ins()] == [(None, "all")]


def test_a_pressed_button_confirms_it_too() -> None:
    RequestFactory()
    MessageFactory(payload="confirm", title="Yes, please")
    assert state_of(purpose="marketing") == "opted_in"


def test_the_words_are_those_that_staff_have_left_in_use() -> None:
    Keyword.objects.filter(word="yes").update(is_active=False)
    Keyword.objects.create(word="gerne", language="de", action="confirm")
    RequestFactory()
    MessageFactory(text="yes")
    assert opt_ins() == []
    MessageFactory(text="Gerne!")
    assert len(opt_ins()) == 1


def test_a_message_twice_confirms_once() -> None:
    RequestFactory()
    message = Message(channel="WHATSAPP", identity=NUMBER, message_id="m1", text="yes")
    assert [inbound.receive("default", message).is_repeat for _ in range(2)] == [False, True]
    assert len(opt_ins()) == 1


@pytest.mark.django_db(transaction=True)
def test_two_yeses_at_once_confirm_once(sender: Sender) -> None:
    RequestFactory()
    at_once(*[lambda: MessageFactory(text="yes")] * 3)
    assert len(opt_ins()) == 1

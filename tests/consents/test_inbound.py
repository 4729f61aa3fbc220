"""A person's message: it moves the window once, and may be a word of theirs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from django.utils import timezone

from consents import gate, inbound
from consents.errors import ConsentError
from consents.inbound import Message, Received
from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    InboundMessage,
    Keyword,
    ReviewItem,
    Sender,
    Standing,
)
from tests.consents.conftest import Counts
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    PurposeFactory,
    ago,
)

pytestmark = pytest.mark.usefixtures("sender")
HOUR = timedelta(hours=1)


def actions(received: Received) -> list[str]:
    return [event.action for event in received.events]


def lines() -> list[tuple[str, datetime]]:
    """The ledger's lines in the order written, with when they occurred."""
    return list(ConsentEvent.objects.order_by("seq").values_list("action", "occurred_at"))


def is_open(channel: str = "WHATSAPP") -> bool:
    answer = gate.check(Sender.objects.get(key="default"), channel, NUMBER)
    return answer.free_form_until is not None


# --- the window


def test_a_first_message_makes_the_person_known_and_opens_the_window() -> None:
    received = MessageFactory(text="Hello")
    assert actions(received) == ["window_opened"]
    assert received.identity == ChannelIdentity.objects.get()
    assert is_open()


def test_no_text_is_kept() -> None:
    MessageFactory(text="my secret is 4711", title="secret-title", payload="secret-payload")
    kept = [
        *InboundMessage.objects.values(),
        *ConsentEvent.objects.values("source", "actor", "detail__evidence", "detail__note"),
    ]
    assert "secret" not in str(kept)


def test_a_further_message_extends_the_window_without_a_line() -> None:
    MessageFactory(received_at=ago(hours=20))
    last = ago(hours=1)
    assert actions(MessageFactory(received_at=last)) == []
    assert Standing.objects.get().last_inbound_at == last


@pytest.mark.parametrize("late", [timedelta(), HOUR, timedelta(days=3)])
def test_a_late_message_never_shortens_the_window(late: timedelta) -> None:
    last = ago(hours=1)
    MessageFactory(received_at=last)
    assert actions(MessageFactory(received_at=last - late)) == []
    assert Standing.objects.get().last_inbound_at == last
    assert InboundMessage.objects.count() == 2


def test_messages_in_any_order_end_in_the_same_window() -> None:
    times = [ago(hours=hours) for hours in (1, 30, 60)]
    for order, number in zip(permutations(times), range(6), strict=True):
        identity = str(46701740605 + number)
        for received_at in order:
            MessageFactory(identity=identity, received_at=received_at)
        standing = Standing.objects.get(identity__address=identity)
        assert standing.last_inbound_at == max(times)


def test_a_message_after_the_end_first_writes_the_missing_end_at_its_true_time() -> None:
    first, second = ago(hours=50), ago(hours=1)
    MessageFactory(received_at=first)
    assert actions(MessageFactory(received_at=second)) == ["window_closed", "window_opened"]
    end = first + timedelta(hours=24)
    assert lines() == [("window_opened", first), ("window_closed", end), ("window_opened", second)]


def test_a_message_known_already_changes_nothing(counts: Callable[[], Counts]) -> None:
    first = MessageFactory(message_id="wamid.1", text="STOP")
    OptInFactory()
    before = counts(), Standing.objects.values().get()
    again = MessageFactory(message_id="wamid.1", text="STOP", received_at=timezone.now())
    assert (again.is_repeat, again.events, again.identity) == (True, [], first.identity)
    assert (counts(), Standing.objects.values().get()) == before
    assert Consent.objects.get().state == "opted_in"


def test_two_channels_may_use_the_same_message_id() -> None:
    MessageFactory(message_id="1")
    assert not MessageFactory(message_id="1", channel="SMS").is_repeat


def test_a_message_from_the_future_counts_from_now() -> None:
    MessageFactory(received_at=timezone.now() + timedelta(days=3))
    assert Standing.objects.get().last_inbound_at <= timezone.now()
    assert not gate.check(
        Sender.objects.get(), "WHATSAPP", NUMBER, at=timezone.now() + timedelta(hours=24)
    ).allowed


def test_a_message_long_delayed_opens_nothing_that_is_over_already() -> None:
    MessageFactory(received_at=ago(days=2))
    assert not is_open()


def test_a_channel_without_window_has_none() -> None:
    assert actions(MessageFactory(channel="SMS")) == []
    assert InboundMessage.objects.count() == 1
    assert not is_open("SMS")


# --- words


@pytest.mark.parametrize("text", ["STOP", "stop all", "Unsubscribe!", "stop all messages"])
def test_a_stop_opts_out_of_everything_and_opens_nothing(text: str) -> None:
    received = MessageFactory(text=text)
    assert actions(received) == ["opt_out"]
    [event] = received.events
    assert (event.purpose.key, event.source, event.origin) == ("all", "KEYWORD", "keyword")
    assert not is_open()


def test_a_stop_extends_no_window_that_is_open() -> None:
    first = ago(hours=2)
    MessageFactory(received_at=first)
    MessageFactory(received_at=ago(hours=1), text="STOP")
    assert Standing.objects.get().last_inbound_at == first


def test_a_message_before_the_stop_allows_no_answer_after_it() -> None:
    OptInFactory(occurred_at=ago(days=1))
    MessageFactory(received_at=ago(hours=2))
    MessageFactory(received_at=ago(hours=1), text="STOP")
    sender = Sender.objects.get()
    assert gate.check(sender, "WHATSAPP", NUMBER).reason == "opted_out"
    MessageFactory(text="But where is my parcel?")
    assert gate.check(sender, "WHATSAPP", NUMBER).modes == ("free_form",)


def test_a_stop_of_one_purpose_withdraws_that_and_opens_the_window() -> None:
    received = MessageFactory(text="STOP MARKETING")
    assert actions(received) == ["opt_out", "window_opened"]
    assert received.events[0].purpose.key == "marketing"
    assert is_open()


def test_a_purpose_that_staff_have_added_can_be_stopped_by_its_name() -> None:
    PurposeFactory(key="weekly-news", name="Weekly news")
    assert MessageFactory(text="stop weekly news").events[0].purpose.key == "weekly-news"


def test_a_start_lifts_a_stop_and_opens_the_window() -> None:
    MessageFactory(text="STOP", received_at=ago(hours=1))
    received = MessageFactory(text="START")
    assert actions(received) == ["opt_in", "window_opened"]
    assert (received.events[0].outcome, received.events[0].lifts) == ("changed", "any")


def test_a_stop_that_comes_late_does_not_undo_the_start_that_answered_it() -> None:
    MessageFactory(text="START", received_at=ago(hours=1))
    late = MessageFactory(text="STOP", received_at=ago(hours=2))
    assert late.events[0].outcome == "out_of_order"
    assert Consent.objects.get().state == "opted_in"


def test_a_stop_and_a_start_of_the_same_second_are_a_stop() -> None:
    when = ago(hours=1)
    MessageFactory(text="STOP", received_at=when)
    MessageFactory(text="START", received_at=when)
    assert Consent.objects.get().state == "opted_out"


def test_a_stop_counts_for_the_persons_other_number_too() -> None:
    contact = ContactFactory()
    for number in (NUMBER, OTHER_NUMBER):
        OptInFactory(contact=contact, identity=number, occurred_at=ago(days=1))
    MessageFactory(text="STOP")
    states = Consent.objects.values_list("identity__address", "state")
    assert dict(states) == dict.fromkeys([NUMBER, OTHER_NUMBER], "opted_out")


@pytest.mark.parametrize(
    "pressed",
    [
        {"payload": "STOP", "title": "Leave me alone"},
        {"payload": "btn-7", "title": "Stop promotions"},
        {"payload": "start", "title": "Stop"},
    ],
)
def test_a_button_counts_by_its_payload_or_its_title(pressed: dict[str, str]) -> None:
    assert "opt_out" in actions(MessageFactory(**pressed))


def test_a_keyword_that_staff_have_switched_off_is_text_like_any_other() -> None:
    Keyword.objects.filter(word="cancel").update(is_active=False)
    assert actions(MessageFactory(text="cancel")) == ["window_opened"]


def test_a_watched_word_inside_a_text_opts_nobody_out_and_asks_for_a_person() -> None:
    OptInFactory(occurred_at=ago(days=1))
    received = MessageFactory(text="will this ever stop, my parcel is lost")
    assert sorted(actions(received)) == ["held", "window_opened"]
    [hold] = [event for event in received.events if event.action == "held"]
    assert Standing.objects.get().held_by == hold
    assert ReviewItem.objects.get().subject_id == str(hold.id)
    assert Consent.objects.get().state == "opted_in"
    asked = {
        purpose: gate.check(Sender.objects.get(), "WHATSAPP", NUMBER, purpose).allowed
        for purpose in ("marketing", "service")
    }
    assert asked == {"marketing": False, "service": True}


# --- nonsense

NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("unknown_channel", {"channel": "PIGEON"}),
    ("invalid_identity", {"identity": "123456"}),
    ("invalid_identity", {"identity": None}),
    ("message_id_required", {"message_id": "  "}),
    ("message_id_required", {"message_id": None}),
    ("invalid_message_id", {"message_id": "a\0b"}),
    ("invalid_message_id", {"message_id": "\ud800"}),
    ("message_id_too_long", {"message_id": "x" * 201}),
    ("invalid_text", {"text": 7}),
    ("invalid_text", {"text": "x" * 65537}),
    ("invalid_text", {"payload": ["STOP"]}),
    ("invalid_received_at", {"received_at": datetime(2026, 1, 1)}),  # noqa: DTZ001
    ("invalid_received_at", {"received_at": "2026-01-01T00:00:00Z"}),
    ("invalid_received_at", {"received_at": datetime(1969, 1, 1, tzinfo=UTC)}),
    ("invalid_received_at", {"received_at": datetime(1969, 1, 1, tzinfo=UTC), "text": "STOP"}),
    ("unknown_sender", {"sender": "nobody"}),
]


@pytest.mark.parametrize(("code", "fields"), NONSENSE)
def test_nonsense_is_refused_with_its_code_and_changes_nothing(
    code: str, fields: dict[str, Any], counts: Callable[[], Counts]
) -> None:
    before = counts()
    with pytest.raises(ConsentError) as caught:
        MessageFactory(**fields)
    assert (caught.value.code, counts()) == (code, before)


@pytest.mark.parametrize("text", ["\0", "STOP\0", "\ud800", "\u202eSTOP", "🛑" * 4000, "a" * 65536])
def test_a_text_may_hold_anything_since_it_is_not_kept(text: str) -> None:
    assert not MessageFactory(text=text).is_repeat


def test_a_message_that_names_no_time_counts_from_now() -> None:
    before = timezone.now()
    inbound.receive(
        "default", Message(channel="whatsapp", identity="+46 73 200 11 22", message_id="1")
    )
    assert before <= InboundMessage.objects.get().received_at <= timezone.now()


def test_many_let_in_together_come_to_the_same_as_one_by_one(sender):
    messages = [
        Message(channel="WHATSAPP", identity=NUMBER, message_id="m-1", text="STOP"),
        Message(channel="WHATSAPP", identity="nonsense", message_id="m-2", text="STOP"),
        Message(channel="WHATSAPP", identity=OTHER_NUMBER, message_id="m-3", text="hello"),
        Message(channel="WHATSAPP", identity=OTHER_NUMBER, message_id="m-3", text="STOP"),
    ]
    first, second, third, fourth = inbound.receive_many(sender, messages)
    assert [event.action for event in first.events] == ["opt_out"]
    assert second.code == "invalid_identity"
    assert [event.action for event in third.events] == ["window_opened"]
    assert (fourth.is_repeat, list(fourth.events)) == (True, [])
    assert ConsentEvent.objects.filter(action="opt_out").count() == 1

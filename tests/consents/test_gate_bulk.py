"""The gate asked for many says what it says for each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consents import gate, gate_bulk
from consents.decision import Permission
from consents.errors import ConsentError
from consents.models import ChannelIdentity, Sender
from consents.vocabulary import Reason
from tests.consents.asking import together
from tests.consents.factories import (
    NUMBER,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    StopFactory,
    british_number,
)

pytestmark = pytest.mark.django_db
PAST = datetime(2026, 1, 1, tzinfo=UTC)
PURPOSES = ["service", "utility", "marketing", "newsletter", "sweepstake"]


@pytest.fixture
def purposes(sender: Sender) -> None:
    PurposeFactory(key="newsletter")
    PurposeFactory(key="sweepstake", requires_own_consent=True)


@pytest.fixture
def people(purposes: None) -> list[object]:
    """One in every situation; also one who cannot be read, and one spelt in two ways."""
    numbers = [british_number(index) for index in range(14)]
    OptInFactory(identity=numbers[1])
    OptInFactory(identity=numbers[2], purpose="marketing")
    OptOutFactory(identity=numbers[3])
    MessageFactory(identity=numbers[4])
    MessageFactory(identity=numbers[5], received_at=PAST)
    StopFactory(identity=numbers[6])
    MessageFactory(identity=numbers[6])
    MessageFactory(identity=numbers[7], text="I may stop by tomorrow")
    OptInFactory(identity=numbers[8], purpose="newsletter", occurred_at=PAST)
    OptOutFactory(identity=numbers[8], occurred_at=PAST + timedelta(days=1))
    OptInFactory(identity=numbers[9], purpose="sweepstake")
    OptInFactory(identity=numbers[10])
    MessageFactory(identity=numbers[10])
    OptOutFactory(identity=numbers[11], purpose="marketing")
    OptInFactory(identity=numbers[12])
    MessageFactory(identity=numbers[12], received_at=PAST)
    OptInFactory(identity=numbers[13])
    MessageFactory(identity=numbers[13], text="do not stop")
    OptInFactory(identity="5215512345678")
    spelt = ["525512345678", "5215512345678", f"+{numbers[1]}", f" {numbers[1]} ", int(numbers[2])]
    unreadable = ["nobody", None, "", "12", True, 4.5, [NUMBER], {}, "4673\0", "\ud800", -5]
    return [*numbers, *spelt, *unreadable, numbers[1]]


def without_time(answer: Permission) -> Permission:
    return replace(answer, as_of=PAST, valid_for=timedelta())


def alone(sender: Sender, identities: list[Any], purpose: str, on: str) -> list[Permission]:
    answers = [gate.check(sender, on, one, purpose) for one in identities]
    return [without_time(answer) for answer in answers]


@pytest.mark.parametrize("purpose", PURPOSES)
@pytest.mark.parametrize("on", ["WHATSAPP", "SMS"])
def test_many_get_the_answers_that_each_gets_alone(
    sender: Sender, people: list[object], purpose: str, on: str
) -> None:
    asked = [without_time(answer) for answer in together(sender, people, purpose, on)]
    assert asked == alone(sender, people, purpose, on)


@pytest.mark.parametrize(
    ("on", "kept", "written"),
    [
        ("EMAIL", "Ada@example.org", ["Ada@example.org", "ada@example.org", "ada@EXAMPLE.org"]),
        ("EMAIL", "ada@räksmörgås.example", ["ada@räksmörgås.example", "ada@xn--rksmrgs.example"]),
        ("TELEGRAM", "ada-1", ["ada-1", " ada-1", "ADA-1", "ada 1"]),
        ("TELEGRAM", "12345", ["12345", 12345, "012345"]),
        ("TELEGRAM", "True", ["True", True]),
        ("TELEGRAM", "-5", ["-5", -5]),
        ("LINE", "åda", ["åda", "a\u030ada"]),
        ("WHATSAPP", "SE.Abc123", ["SE.Abc123", "se.Abc123", "SE.abc123"]),
        ("WHATSAPP", "5511987654321", ["551187654321", "5511987654321", "+55 11 98765-4321"]),
    ],
)
def test_spellings_are_read_as_they_are_read_alone(
    sender: Sender, on: str, kept: str, written: list[object]
) -> None:
    OptInFactory(channel=on, identity=kept)
    asked = [without_time(answer) for answer in together(sender, written, "service", on)]
    assert asked == alone(sender, written, "service", on)
    assert asked[0].allowed


def test_an_address_is_shown_as_it_was_read(sender: Sender) -> None:
    OptInFactory(identity="5215512345678")
    asked = ["525512345678", "5215512345678", "+44 7700 900000", 447700900001, "nobody"]
    answers = gate_bulk.check_many(sender, "SMS", asked, show=lambda answer: None)
    assert [read_as for read_as, _, _ in answers] == [
        *("525512345678", "5215512345678", "447700900000", "447700900001", None)
    ]


def test_who_was_erased_is_still_found(sender: Sender) -> None:
    OptInFactory(identity=british_number(1))
    StopFactory()
    ChannelIdentity.objects.filter(address=NUMBER).update(address=None, lookup_key=None)
    asked = [british_number(0), NUMBER, british_number(1), f"+{NUMBER}"]
    answers = together(sender, asked)
    assert [answer.reason for answer in answers] == [
        *(Reason.UNKNOWN_IDENTITY, Reason.OPTED_OUT, None, Reason.OPTED_OUT)
    ]


def test_ten_times_as_many_take_no_more_queries(
    sender: Sender, people: list[object], django_assert_num_queries: Any
) -> None:
    gate_bulk.check_many(sender, "WHATSAPP", people, show=str)
    for times in (1, 10):
        with django_assert_num_queries(3):
            gate_bulk.check_many(sender, "WHATSAPP", people * times, show=str)


def test_people_who_are_all_known_take_one_query_besides_the_clock(
    sender: Sender, django_assert_num_queries: Any
) -> None:
    OptInFactory()
    gate_bulk.check_many(sender, "WHATSAPP", [NUMBER], show=str)
    with django_assert_num_queries(2):
        gate_bulk.check_many(sender, "WHATSAPP", [NUMBER] * 5, show=str)


def test_what_is_the_same_for_many_is_shown_once(sender: Sender) -> None:
    for index in range(5):
        OptInFactory(identity=british_number(index))
    shown: list[Permission] = []
    asked = [british_number(index) for index in range(10)] + ["nobody"] * 5
    answers = gate_bulk.check_many(sender, "WHATSAPP", asked, show=shown.append)
    assert len({event for _, _, event in answers if event}) == 5
    assert len(shown) == 3


def test_nobody_asked_about_is_no_answer(sender: Sender) -> None:
    assert gate_bulk.check_many(sender, "WHATSAPP", [], show=str) == []


@pytest.mark.parametrize("purpose", ["all", "world-peace"])
def test_what_cannot_be_asked_of_one_cannot_be_asked_of_many(sender: Sender, purpose: str) -> None:
    with pytest.raises(ConsentError):
        gate_bulk.check_many(sender, "WHATSAPP", [], purpose, show=str)


# --- what is taken for the same has the same answer

moments = st.sampled_from([PAST, PAST + timedelta(days=1), None])
said = st.tuples(
    st.sampled_from(["in", "out", "stop", "wrote", "may stop"]),
    st.sampled_from(["all", "marketing", "newsletter", "sweepstake"]),
    moments,
    st.integers(0, 3),
)


def say(what: str, purpose: str, when: datetime | None, person: int) -> None:
    number = british_number(person)
    match what:
        case "wrote":
            MessageFactory(identity=number, received_at=when)
        case "may stop":
            MessageFactory(identity=number, received_at=when, text="do not stop")
        case "stop":
            StopFactory(identity=number, purpose=purpose, occurred_at=when)
        case _:
            factory = OptInFactory if what == "in" else OptOutFactory
            factory(identity=number, purpose=purpose, occurred_at=when)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(said, max_size=8))
def test_whatever_was_said_many_get_what_each_gets_alone(
    sender: Sender,
    purposes: None,
    rolled_back: Callable[[], AbstractContextManager[None]],
    history: list[Any],
) -> None:
    asked: list[Any] = [british_number(person) for person in range(5)]
    with rolled_back():
        for one in history:
            say(*one)
        for purpose in PURPOSES:
            answers = [without_time(answer) for answer in together(sender, asked, purpose)]
            assert answers == alone(sender, asked, purpose, "WHATSAPP")

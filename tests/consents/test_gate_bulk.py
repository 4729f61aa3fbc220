"""The gate asked for many says what it says for each."""

from datetime import UTC, datetime, timedelta

import pytest

from consents import gate, gate_bulk
from consents.errors import ConsentError
from tests.consents.factories import (
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    StopFactory,
    british_number,
)

pytestmark = pytest.mark.django_db
PAST = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def people(sender):
    """One in every situation; also one who cannot be read, and one spelt in two ways."""
    PurposeFactory(key="newsletter")
    PurposeFactory(key="sweepstake", requires_own_consent=True)
    numbers = [british_number(index) for index in range(10)]
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
    OptInFactory(identity="5215512345678")
    return [*numbers, "nobody", None, "525512345678", numbers[1]]


@pytest.mark.parametrize("purpose", ["service", "utility", "marketing", "newsletter", "sweepstake"])
def test_many_get_the_answers_that_each_gets_alone(sender, people, purpose):
    together = gate_bulk.check_many(sender, "WHATSAPP", people, purpose)
    alone = [gate.check(sender, "WHATSAPP", one, purpose) for one in people]
    without_time = ("allowed", "modes", "basis", "reason", "expires_at", "event")
    assert [[getattr(one.permission, name) for name in without_time] for one in together] == [
        [getattr(one, name) for name in without_time] for one in alone
    ]


def test_ten_times_as_many_take_no_more_queries(sender, people, django_assert_num_queries):
    for times in (1, 10):
        with django_assert_num_queries(4):
            gate_bulk.check_many(sender, "WHATSAPP", people * times)


def test_nobody_asked_about_is_no_answer(sender):
    assert gate_bulk.check_many(sender, "WHATSAPP", []) == []


@pytest.mark.parametrize("purpose", ["all", "world-peace"])
def test_what_cannot_be_asked_of_one_cannot_be_asked_of_many(sender, purpose):
    with pytest.raises(ConsentError):
        gate_bulk.check_many(sender, "WHATSAPP", [], purpose)

"""People who do not exist, for whoever looks around."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from consents import demo
from consents.models import (
    ChannelIdentity,
    ConsentEvent,
    Contact,
    DayTally,
    EventDetail,
    Notice,
    ReviewItem,
    Sender,
)
from tests.consents.factories import NoticeFactory, OptInFactory

pytestmark = pytest.mark.django_db


def seeded(**options: object) -> str:
    out = io.StringIO()
    call_command("seed_demo", stdout=out, **{"people": 120, "sender": "shop", **options})
    return out.getvalue()


def test_it_makes_people_with_names_and_a_year_of_consent():
    assert seeded().startswith("120 people said ")
    assert Contact.objects.filter(sender__key="shop").exclude(display_name="").count() == 120
    events = ConsentEvent.objects.filter(sender__key="shop")
    assert {"opt_in", "opt_out", "window_opened"} <= set(events.values_list("action", flat=True))
    assert not events.filter(occurred_at__gt=timezone.now()).exists()
    assert DayTally.objects.filter(sender__key="shop").exists()


def test_some_of_it_has_to_be_decided():
    seeded(people=400)
    assert ReviewItem.objects.filter(sender__key="shop", decided_at=None).exists()


def test_opt_ins_name_what_people_were_shown_in_their_languages():
    seeded()
    notices = Notice.objects.filter(sender__key="shop")
    assert set(notices.values_list("language", flat=True)) == {"en", "es", "sv", "de"}
    named = EventDetail.objects.filter(evidence__has_key="notice")
    shown = {one.evidence["notice"]["sha256"] for one in named}
    assert shown <= {one.digest for one in notices}
    assert len(shown) > 5


def test_a_sender_with_other_notices_is_left_alone(sender):
    NoticeFactory(key="checkout", text="Something else")
    with pytest.raises(CommandError, match="has notices"):
        seeded(sender="default")


def test_the_same_seed_makes_the_same_people():
    assert demo.people(50, 7) == demo.people(50, 7)
    assert demo.people(50, 7) != demo.people(50, 8)


def test_everybody_has_a_number_of_their_own_that_is_set_aside_for_fiction():
    numbers = [person.number for person in demo.people(demo.PEOPLE_MAX, 1)]
    assert len(set(numbers)) == demo.PEOPLE_MAX
    fiction = ("447700900", "467017406")
    assert all(one.startswith(fiction) or one[4:8] == "5550" for one in numbers)
    assert all(11 <= len(one) <= 12 for one in numbers)


def test_a_sender_who_knows_somebody_is_left_alone(sender):
    OptInFactory()
    with pytest.raises(CommandError, match="knows people already"):
        seeded(sender="default")
    assert ChannelIdentity.objects.count() == 1


@pytest.mark.parametrize("people", [0, -1, demo.PEOPLE_MAX + 1])
def test_a_number_of_people_that_cannot_be_is_refused(people):
    with pytest.raises(CommandError, match="can be made up"):
        seeded(people=people)
    assert not Sender.objects.filter(key="shop").exists()

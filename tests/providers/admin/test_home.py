"""The providers' tiles of the first page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from providers import pace
from providers.models import ProviderAccount, ProviderSync
from tests.providers.factories import british_numbers, claim, opt_in, opt_out, settled

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def card(desk, title):
    cards = desk.get(reverse("admin:index")).context["cards"]
    return next(one for one in cards if one.title == title)


def listed(desk, url):
    return len(desk.get(url).context["cl"].result_list)


def age(rows, **time):
    rows.update(created_at=timezone.now() - timedelta(**time))


def test_with_nothing_owed_all_is_well(desk, account):
    assert card(desk, "Oldest unsent opt-out").figure == "None"
    assert card(desk, "Opt-out to provider").figure == "\N{EM DASH}"
    assert card(desk, "Changes on their way").figure == "0"
    assert card(desk, "Failed changes").tone == "success"


def test_the_oldest_opt_out_that_is_not_told_is_shown_with_its_age(desk, account):
    first, second = british_numbers(2)
    opt_out(first)
    age(ProviderSync.objects.all(), hours=3)
    opt_out(second)
    shown = card(desk, "Oldest unsent opt-out")
    assert (shown.figure, shown.tone) == ("3 h", "danger")
    assert listed(desk, shown.url) == 2


def test_an_opt_in_that_waits_is_no_unsent_opt_out(desk, account):
    opt_in()
    assert card(desk, "Oldest unsent opt-out").figure == "None"
    assert card(desk, "Changes on their way").figure == "1"


def test_an_opt_out_of_a_held_account_is_unsent_all_the_same(desk, account):
    opt_out()
    ProviderAccount.objects.update(is_held=True)
    assert card(desk, "Oldest unsent opt-out").figure != "None"


def test_how_soon_opt_outs_are_told_is_shown(desk, account):
    for number in british_numbers(3):
        opt_out(number)
    settled(account)
    for seconds, sync in zip((1, 2, 9), ProviderSync.objects.order_by("seq"), strict=True):
        ProviderSync.objects.filter(pk=sync.pk).update(
            created_at=sync.ended_at - timedelta(seconds=seconds)
        )
    found = pace.of_opt_outs()
    assert found is not None
    assert (found.of, round(found.p50, 3), round(found.longest, 3)) == (3, 2.0, 9.0)
    assert card(desk, "Opt-out to provider").figure == "2.0 s"


def test_opt_ins_play_no_part_in_the_pace(desk, account):
    opt_in()
    settled(account)
    assert pace.of_opt_outs() is None


def test_failed_changes_are_counted_until_somebody_has_seen_them(desk, account):
    opt_in()
    now = timezone.now()
    ProviderSync.objects.update(status="failed", reason="rejected", ended_at=now)
    shown = card(desk, "Failed changes")
    assert (shown.figure, shown.tone) == ("1", "danger")
    assert listed(desk, shown.url) == 1
    ProviderSync.objects.update(seen_at=now)
    assert card(desk, "Failed changes").figure == "0"


def test_what_is_being_sent_is_on_its_way(desk, account):
    opt_out()
    claim(account)
    assert card(desk, "Changes on their way").figure == "1"


@pytest.mark.parametrize(
    ("state", "figure", "words"),
    [
        ({"is_held": True}, "Held", "Staff hold it."),
        ({"fault": "credentials"}, "Paused", "does not accept the credentials"),
        ({"withdrawn_at": NOON}, "Withdrawn", "takes no registrations"),
    ],
)
def test_an_account_in_trouble_has_a_tile_that_says_why_and_leads_there(
    desk, account, state, figure, words
):
    state = {
        name: timezone.now() if name.endswith("_at") else is_so for name, is_so in state.items()
    }
    ProviderAccount.objects.filter(pk=account.pk).update(**state)
    shown = card(desk, account.name)
    assert shown.figure == figure
    assert words in shown.note
    assert desk.get(shown.url).status_code == 200

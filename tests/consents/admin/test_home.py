"""The first page: figures at a glance, each with the list behind it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from consents import dashboard, inbound, ledger, tallies
from consents.dashboard import Card
from consents.models import ImportFile, Purpose, ReviewItem
from consents.vocabulary import FileStatus
from tests.consents.factories import NUMBER, ago, british_number

pytestmark = pytest.mark.django_db
HOME = "admin:index"


def say(action: str, number: str = NUMBER, **fields: object) -> None:
    fields = {"channel": "WHATSAPP", "source": "WEB", **fields}
    ledger.record("default", action=action, identity=number, **fields)


def counted() -> None:
    tallies.keep(timezone.now())


def card(desk, title: str) -> Card:
    return next(one for one in desk.get(reverse(HOME)).context["cards"] if one.title == title)


def test_an_empty_book_has_a_home_page_too(desk):
    answer = desk.get(reverse(HOME))
    assert answer.status_code == 200
    assert "Nobody has been counted yet" in answer.content.decode()


def test_opt_ins_and_opt_outs_stand_on_their_days(desk):
    now = timezone.now()
    say("opt_in", occurred_at=now - timedelta(days=3))
    say("opt_out", occurred_at=now - timedelta(days=1))
    counted()
    bars = {bar.day: (bar.opt_ins, bar.opt_outs) for bar in desk.get(reverse(HOME)).context["bars"]}
    assert len(bars) == 30
    assert bars[(now - timedelta(days=3)).date()] == (1, 0)
    assert bars[(now - timedelta(days=1)).date()] == (0, 1)


def test_a_year_is_shown_by_weeks_and_counts_the_same(desk):
    now = timezone.now()
    for days in (1, 40, 200, 364):
        say("opt_in", british_number(days), occurred_at=now - timedelta(days=days))
    counted()
    bars = desk.get(reverse(HOME), {"days": 365}).context["bars"]
    assert sum(bar.opt_ins for bar in bars) == 4
    assert all(bar.day.weekday() == 0 for bar in bars)
    assert len(bars) in (53, 54)


@pytest.mark.parametrize("days", ["", "-1", "31", "x", "9" * 400])
def test_a_period_that_is_none_is_a_month(desk, days):
    assert len(desk.get(reverse(HOME), {"days": days}).context["bars"]) == 30


def test_reach_leads_to_the_people_behind_it(desk):
    say("opt_in")
    say("opt_out", british_number(1), purpose="marketing")
    counted()
    [line] = desk.get(reverse(HOME)).context["reach"]
    [everything, marketing] = line.cells
    assert (everything.opted_in, everything.opted_out) == ("1", "0")
    assert (marketing.opted_in, marketing.opted_out) == ("0", "1")
    people = desk.get(everything.in_url).context["cl"].result_list
    assert [one.identities.get().address for one in people] == [NUMBER]


def test_what_is_to_be_decided_is_counted_and_what_is_overdue(desk, sender):
    ReviewItem.objects.create(sender=sender, kind="held")
    late = timezone.now() - timedelta(days=1)
    ReviewItem.objects.create(sender=sender, kind="held", due_at=late)
    ReviewItem.objects.create(sender=sender, kind="held", due_at=late, decided_at=late)
    shown = card(desk, "To be decided")
    assert (shown.figure, shown.note, shown.tone) == ("2", "1 overdue", "danger")
    assert len(desk.get(shown.url).context["cl"].result_list) == 2


def test_open_windows_are_counted_and_led_to(desk, sender):
    now = timezone.now()
    for at, hours in enumerate((1, 23, 25)):
        message = inbound.Message(
            channel="WHATSAPP",
            identity=british_number(at),
            message_id=f"m-{at}",
            received_at=now - timedelta(hours=hours),
            text="hello",
        )
        inbound.receive(sender, message)
    shown = card(desk, "Customer windows open")
    assert shown.figure == "2"
    assert len(desk.get(shown.url).context["cl"].result_list) == 2


def test_opt_ins_that_run_out_soon_are_counted_and_led_to(desk, sender):
    title = "Opt-ins that run out soon"
    say("opt_in", purpose="marketing", occurred_at=ago(days=350))
    say("opt_in", number=british_number(1), purpose="marketing")
    assert title not in [one.title for one in desk.get(reverse(HOME)).context["cards"]]
    marketing = Purpose.objects.get(key="marketing")
    marketing.validity_days = 365
    marketing.save()
    found = card(desk, title)
    assert (found.figure, found.tone) == ("1", "warning")
    listed = desk.get(found.url).context["cl"].queryset
    assert [one.identities.get().address for one in listed] == [NUMBER]


def test_import_files_that_wait_for_somebody_are_counted_and_led_to(desk, sender):
    shown = card(desk, "Import files")
    assert (shown.figure, shown.note, shown.tone) == ("0", "None waits", "")
    for status in FileStatus:
        ImportFile.objects.create(
            sender=sender,
            name=f"{status}.csv",
            sha256=bytes(32),
            actor="staff:1",
            received_at=timezone.now(),
            status=status.value,
        )
    shown = card(desk, "Import files")
    assert (shown.figure, shown.note, shown.tone) == ("3", "Wait for a decision", "warning")
    listed = desk.get(shown.url).content.decode()
    assert all(f"{status}.csv" in listed for status in ("received", "checked", "failed"))


def test_counts_stop_at_their_bound():
    assert dashboard.in_words(dashboard.BOUND) == "1000"
    assert dashboard.in_words(dashboard.BOUND + 1) == "1\N{NARROW NO-BREAK SPACE}000+"


def test_no_query_of_the_page_counts_the_ledger_or_all_states(desk):
    say("opt_in")
    counted()
    with CaptureQueriesContext(
        connection,
    ) as queries:
        desk.get(reverse(HOME))
    big = re.compile(
        r"FROM \"?consents_(consentevent|consent|contact|channelidentity|eventdetail)\b"
    )
    asked = [one["sql"] or "" for one in queries]
    assert not [sql for sql in asked if big.search(sql) and " LIMIT " not in sql]


def test_who_is_not_staff_sees_no_figures(client):
    answer = client.get(reverse(HOME))
    assert answer.status_code == 302

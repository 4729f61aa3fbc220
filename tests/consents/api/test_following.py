"""Following a list: `previous` leads to what is new, and misses nothing that commits late."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from django.db import connection, transaction

from consents.models import ConsentEvent
from tests.consents.api.caller import issue
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    british_number,
)
from tests.consents.test_feeds import held_open

pytestmark = pytest.mark.django_db(transaction=True)


class Follower:
    """Follows a list by its `previous`, from the newest page on."""

    def __init__(self, api, path="consent-events/", **query):
        self.api = api
        first = api.get(path, **query).json()
        self.seen = self._seqs(first)
        self.link = first["previous"]

    def step(self):
        url = urlsplit(self.link)
        answer = self.api.client.get(
            f"{url.path}?{url.query}", headers={"Authorization": f"Bearer {self.api.key}"}
        )
        assert answer.status_code == 200, answer.json()
        self.link = answer.json()["previous"]
        found = self._seqs(answer.json())
        self.seen += found
        return found

    def _seqs(self, page):
        return [row["seq"] for row in page["results"]]


def test_a_list_can_be_followed_from_before_its_first_line(api):
    follower = Follower(api)
    assert (follower.seen, follower.step()) == ([], [])
    written = [OptInFactory(identity=number).seq for number in (NUMBER, OTHER_NUMBER)]
    assert follower.step() == written[::-1]
    assert (follower.step(), follower.step()) == ([], [])


def test_a_line_that_commits_late_is_not_missed(api):
    follower = Follower(api)
    with held_open(NUMBER):
        newer = OptInFactory(identity=OTHER_NUMBER).seq
        assert [row["seq"] for row in api.get("consent-events/").json()["results"]] == [newer]
        assert follower.step() == []
    assert follower.step() == [newer, newer - 1]
    assert follower.step() == []


def test_whoever_begins_while_a_line_is_under_way_gets_it_too(api):
    with held_open(NUMBER):
        newer = OptInFactory(identity=OTHER_NUMBER).seq
        follower = Follower(api)
        assert follower.seen == [newer]
    assert follower.step() == [newer, newer - 1]


def test_whoever_leafs_back_while_a_line_is_under_way_gets_it_too(api):
    older = [OptInFactory(identity=british_number(index)).seq for index in range(2)]
    with held_open(NUMBER):
        newer = OptInFactory(identity=OTHER_NUMBER).seq
        follower = Follower(api, limit=2)
        assert follower.seen == [newer, older[1]]
        assert follower.step() == []
    assert follower.step() == [newer, newer - 1]


def test_a_line_that_is_rolled_back_holds_up_nobody(api):
    follower = Follower(api)
    with held_open(NUMBER, commits=False):
        newer = OptInFactory(identity=OTHER_NUMBER).seq
        assert follower.step() == []
    assert follower.step() == [newer]


def test_a_page_at_a_time_the_oldest_unread_comes_first(api):
    follower = Follower(api, limit=2)
    written = [OptInFactory(identity=british_number(index)).seq for index in range(5)]
    assert follower.step() == [written[1], written[0]]
    assert follower.step() == [written[3], written[2]]
    assert follower.step() == [written[4]]


def test_filters_stay_in_force_while_following(api):
    contact = ContactFactory(external_id="crm-7")
    follower = Follower(api, contact="crm-7", action="opt_out")
    OptInFactory(contact=contact)
    OptOutFactory(identity=OTHER_NUMBER)
    mine = OptOutFactory(contact=contact).seq
    assert follower.step() == [mine]
    assert follower.step() == []


def test_under_many_writers_every_line_is_read_once(sender):
    reader = Follower(issue(), limit=7)
    is_over = threading.Event()

    def write(thread):
        try:
            for turn in range(8):
                # Long and short transactions, so that numbers and commits change places.
                with transaction.atomic():
                    for index in range((thread * 7 + turn * 3) % 4 + 1):
                        OptInFactory(identity=british_number(thread * 100 + turn * 10 + index))
        finally:
            connection.close()

    def read():
        try:
            while not is_over.is_set():
                reader.step()
            while reader.step():
                pass
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        reading = pool.submit(read)
        list(pool.map(write, range(4)))
        is_over.set()
        reading.result(60)
    assert sorted(reader.seen) == sorted(ConsentEvent.objects.values_list("seq", flat=True))
    assert len(reader.seen) == len(set(reader.seen))

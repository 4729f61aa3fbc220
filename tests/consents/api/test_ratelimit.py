"""A caller learns how often it may call, before and after it has called too often."""

from __future__ import annotations

import re

import pytest

from consents.models import ApiKey, KeyUse
from tests.consents.api.caller import code_of, issue

pytestmark = pytest.mark.django_db
FIELDS = ("RateLimit-Policy", "RateLimit", "Retry-After")


def left(answer):
    """What the answer says is left, and in how many seconds all is."""
    found = re.fullmatch(r'"key";r=(\d+);t=(\d+)', answer.headers["RateLimit"])
    return int(found[1]), int(found[2])


@pytest.fixture
def rate(settings):
    settings.API_THROTTLE_RATE = "2/hour"


def test_whoever_calls_too_often_is_told_when_to_come_back(api, rate):
    assert [api.get("contacts/").status_code for _ in range(2)] == [200, 200]
    answer = api.get("contacts/")
    assert code_of(answer) == (429, "throttled")
    remaining, wait = left(answer)
    assert remaining == 0
    assert int(answer.headers["Retry-After"]) == wait
    assert 0 < wait <= 3600
    assert issue().get("contacts/").status_code == 200


def test_every_answer_says_what_is_left(api, rate):
    first, second = api.get("contacts/"), api.post("consent-events/", {"action": "sideways"})
    assert second.status_code == 400
    assert [left(answer)[0] for answer in (first, second)] == [1, 0]
    assert first.headers["RateLimit-Policy"] == '"key";q=2;w=3600'
    assert "Retry-After" not in first.headers


def test_a_key_may_have_a_rate_of_its_own(api, rate):
    ApiKey.objects.update(rate="600/min")
    answer = api.get("contacts/")
    assert answer.headers["RateLimit-Policy"] == '"key";q=600;w=60'
    assert left(answer)[0] == 599


def test_nobody_is_held_up_or_counted_where_no_rate_is_set(api, django_assert_max_num_queries):
    api.get("contacts/")
    with django_assert_max_num_queries(3):
        answer = api.get("contacts/")
    assert answer.status_code == 200
    assert not set(FIELDS) & set(answer.headers)
    assert not KeyUse.objects.exists()


def test_counting_costs_one_query(api, settings, django_assert_num_queries):
    api.get("contacts/")
    with django_assert_num_queries(2):
        api.get("contacts/")
    settings.API_THROTTLE_RATE = "600/min"
    with django_assert_num_queries(3):
        api.get("contacts/")


def test_what_is_refused_for_its_scope_is_not_counted(sender, rate):
    answer = issue("check").get("contacts/")
    assert code_of(answer) == (403, "scope_missing")
    assert not KeyUse.objects.exists()

"""How much an account is told of late."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from consents.writing import database_clock
from providers import traffic
from providers.contract import Result
from providers.models import ProviderAccount, SyncAttempt
from providers.settlement import settle
from providers.traffic import Traffic
from tests.providers.factories import (
    AccountFactory,
    british_numbers,
    claim,
    come_back,
    opt_in_many,
    settled,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sender")]

HOUR = timedelta(hours=1)


@pytest.fixture
def account(sender: Any) -> ProviderAccount:
    """One that is told of twenty numbers in a call."""
    return AccountFactory(kind="sinch_whatsapp")


def within(span: timedelta, account: ProviderAccount) -> Traffic:
    [found] = traffic.within(account.id, database_clock(), span)
    return found


def test_calls_and_the_changes_they_told_are_counted_apart(account: ProviderAccount) -> None:
    opt_in_many(list(british_numbers(5)))
    calls = claim(account)
    assert sum(len(call.changes) for call in calls) == 5
    settle([come_back(call, Result.SUCCEEDED) for call in calls])
    assert within(HOUR, account) == Traffic(len(calls), 5, 0, is_all=True)


@pytest.mark.parametrize("result", Result)
def test_what_the_provider_did_not_take_has_failed(
    account: ProviderAccount, result: Result
) -> None:
    opt_in_many(list(british_numbers(1)))
    settled(account, result)
    failed = 0 if result in (Result.SUCCEEDED, Result.ACCEPTED) else 1
    assert within(HOUR, account) == Traffic(1, 1, failed, is_all=True)


def test_what_is_older_and_what_other_accounts_were_told_is_left_out(
    account: ProviderAccount,
) -> None:
    other = AccountFactory(name="other")
    opt_in_many(list(british_numbers(2)))
    settled(account)
    settled(other)
    SyncAttempt.objects.filter(sync__account=account).update(started_at=F("started_at") - HOUR)
    assert within(HOUR, account) == Traffic(0, 0, 0, is_all=True)
    assert within(HOUR * 2, account).told == within(HOUR, other).told == 2


def test_where_there_were_more_calls_than_are_looked_at_it_says_so(
    account: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "LOOKED_AT", 3)
    opt_in_many(list(british_numbers(2)))
    settled(account)
    assert within(HOUR, account).is_all
    SyncAttempt.objects.update(started_at=F("started_at") - HOUR)
    opt_in_many(list(british_numbers(2, start=2)))
    settled(account)
    assert within(HOUR, account) == Traffic(1, 2, 0, is_all=True)
    opt_in_many(list(british_numbers(2, start=4)))
    settled(account)
    assert within(HOUR, account) == Traffic(2, 3, 0, is_all=False)


def test_one_bounded_question_answers_for_all_spans(
    account: ProviderAccount, django_assert_num_queries: Any
) -> None:
    now = database_clock()
    with django_assert_num_queries(1) as asked:
        traffic.within(account.id, now, HOUR, HOUR * 2)
    assert asked[0]["sql"].endswith(f"LIMIT {traffic.LOOKED_AT}")

"""When an account pauses, for how long, and what ends it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from consents.writing import database_clock
from providers import circuit, settlement
from providers.circuit import pause_length
from providers.contract import AccountFault, Fault, Outcome, Result
from providers.models import ProviderAccount
from tests.consents.factories import NUMBER, OTHER_NUMBER
from tests.providers.factories import (
    british_numbers,
    claim,
    come_back,
    fetched,
    let_pass,
    opt_in,
    opt_in_many,
    rows,
)

pytestmark = pytest.mark.django_db

DOWN = AccountFault(Fault.UNAVAILABLE, "503", "down")
SECOND = timedelta(seconds=1)


def asks_for(seconds):
    wait = timedelta(seconds=seconds)
    return AccountFault(Fault.RATE_LIMITED, "429", "slow down", retry_after=wait)


# --- how long


@pytest.mark.parametrize(
    ("seconds", "waits"), [(1, 1), (7, 7), (900, 900), (901, 900), (86400, 900)]
)
def test_what_a_provider_asks_for_is_honoured_up_to_fifteen_minutes(seconds, waits):
    for pauses in (0, 9):
        assert pause_length(asks_for(seconds), pauses, chance=0.5) == timedelta(seconds=waits)


@pytest.mark.parametrize("seconds", [0, -5])
def test_being_asked_to_come_at_once_does_not_switch_the_pause_off(seconds):
    assert pause_length(asks_for(seconds), 6, chance=0.5) == timedelta(seconds=30)


@pytest.mark.parametrize(
    ("pauses", "bound"), [(0, 1), (1, 2), (3, 8), (5, 32), (6, 60), (7, 60), (10**9, 60)]
)
def test_else_the_bound_of_a_random_wait_doubles_up_to_a_minute(pauses, bound):
    assert pause_length(DOWN, pauses, chance=0) == timedelta()
    assert pause_length(DOWN, pauses, chance=0.5) == timedelta(seconds=bound / 2)


# --- pausing


def paused(account, fault=DOWN, now=None):
    circuit.pause(account.id, fault, now or database_clock())
    return fetched(account)


def test_a_paused_account_says_why_and_since_when(account):
    now = database_clock()
    seen = paused(account, asks_for(30), now)
    assert (seen.fault, seen.fault_code, seen.fault_text) == ("rate_limited", "429", "slow down")
    assert (seen.paused_since, seen.paused_until) == (now, now + 30 * SECOND)


def test_calls_that_fail_together_are_one_pause_and_the_longest_wait_counts(account):
    now = database_clock()
    paused(account, asks_for(30), now)
    paused(account, asks_for(60), now + SECOND)
    seen = paused(account, asks_for(5), now + 2 * SECOND)
    assert seen.pauses == 1
    assert seen.paused_until == now + 61 * SECOND


def test_a_pause_that_follows_a_failed_probe_is_the_next_one_of_the_same_trouble(account):
    now = database_clock()
    paused(account, asks_for(30), now)
    seen = paused(account, asks_for(30), now + 40 * SECOND)
    assert (seen.pauses, seen.paused_since) == (2, now)
    assert seen.paused_until == now + 70 * SECOND


def test_long_words_of_a_provider_are_cut(account):
    seen = paused(account, AccountFault(Fault.UNAVAILABLE, "c" * 100, "t" * 1000))
    assert (len(seen.fault_code), len(seen.fault_text)) == (64, 500)


# --- what ends a pause


def is_running(account):
    seen = fetched(account)
    return (seen.pauses, seen.paused_until, seen.paused_since, seen.fault) == (0, None, None, "")


def test_a_success_begun_after_the_pause_ends_it(account):
    now = database_clock()
    paused(account, asks_for(30), now)
    circuit.accepted({account.id: now + SECOND})
    assert is_running(account)


@pytest.mark.parametrize("say", ["accepted", "answered", "refused"])
def test_an_answer_to_a_call_begun_before_the_pause_does_not_end_it(account, say):
    """A provider that limits its rate takes some of what is under way and refuses the rest."""
    now = database_clock()
    paused(account, asks_for(30), now)
    {
        "accepted": lambda: circuit.accepted({account.id: now - SECOND}),
        "answered": lambda: circuit.answered(account.id, now - SECOND),
        "refused": lambda: circuit.refused(
            account.id, Outcome(Result.REJECTED, "1"), now - SECOND, now + SECOND
        ),
    }[say]()
    assert not is_running(account)
    assert fetched(account).paused_until == now + 30 * SECOND


def test_the_wait_a_provider_asked_for_outlives_what_was_under_way(account):
    opt_in()
    opt_in(OTHER_NUMBER)
    first, second = claim(account)
    settlement.settle([come_back(first, Result.NOT_SENT, fault=asks_for(30))])
    settlement.settle([come_back(second, Result.SUCCEEDED)])
    assert claim(account) == []
    let_pass(seconds=31)
    assert len(claim(account)) == 1


def test_a_row_that_is_refused_shows_that_the_account_answers(account):
    now = database_clock()
    paused(account, DOWN, now)
    circuit.refused(account.id, Outcome(Result.REJECTED, "1"), now + SECOND, now + SECOND)
    assert is_running(account)


def test_an_account_that_refuses_everything_is_not_cleared_by_another_refusal(account):
    now = database_clock()
    paused(account, AccountFault(Fault.REFUSING, "x", "all refused"), now)
    circuit.answered(account.id, now + SECOND)
    assert fetched(account).fault == "refusing"
    circuit.accepted({account.id: now + SECOND})
    assert is_running(account)


# --- twenty refusals


def refuse(account, count, code="8006"):
    opt_in_many(list(british_numbers(count, start=rows_so_far(account))))
    for call in claim(account):
        settlement.settle([come_back(call, Result.REJECTED, code)])


def rows_so_far(account):
    return len(rows(account))


def test_twenty_lone_rows_refused_alike_pause_the_account(account):
    refuse(account, 19)
    assert fetched(account).pauses == 0
    refuse(account, 1)
    seen = fetched(account)
    assert (seen.pauses, seen.fault, seen.fault_code) == (1, "refusing", "8006")


def test_nineteen_and_one_of_another_code_do_not(account):
    refuse(account, 19)
    refuse(account, 1, "other")
    assert (fetched(account).pauses, fetched(account).refusals) == (0, 1)


def test_a_success_in_between_begins_the_count_anew(account):
    refuse(account, 19)
    opt_in(NUMBER)
    [call] = claim(account)
    settlement.settle([come_back(call, Result.SUCCEEDED)])
    refuse(account, 1)
    assert (fetched(account).pauses, fetched(account).refusals) == (0, 1)


def test_a_refusing_account_is_probed_with_one_row_a_pause(account):
    refuse(account, 20)
    opt_in_many(list(british_numbers(3, start=100)))
    for pauses in (2, 3):
        ProviderAccount.objects.update(paused_until=database_clock())
        [call] = claim(account)
        settlement.settle([come_back(call, Result.REJECTED, "8006")])
        assert fetched(account).pauses == pauses
    ProviderAccount.objects.update(paused_until=database_clock())
    [call] = claim(account)
    settlement.settle([come_back(call, Result.SUCCEEDED)])
    assert is_running(account)

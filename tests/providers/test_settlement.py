"""What a call comes to, for each outcome and each state of affairs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from consents.writing import database_clock
from providers import settlement
from providers.contract import AccountFault, Fault, Result
from providers.decisions import DAILY, LADDER
from providers.models import ProviderSync, SyncAttempt
from providers.outcomes import FailedReason, Status
from tests.consents.factories import NUMBER, OTHER_NUMBER
from tests.providers.factories import (
    AccountFactory,
    british_numbers,
    claim,
    come_back,
    fetched,
    let_pass,
    newest,
    opt_in,
    opt_in_many,
    opt_out,
    rows,
    told,
)

pytestmark = pytest.mark.django_db

FAULT = AccountFault(Fault.UNAVAILABLE, "503", "down")
WITH_FAULT = {Result.NOT_SENT: FAULT, Result.UNKNOWN: FAULT}
ENDS_AS = {
    Result.SUCCEEDED: ("succeeded", ""),
    Result.ACCEPTED: ("awaiting_result", ""),
    Result.REJECTED: ("failed", "rejected"),
    Result.UNSUPPORTED: ("failed", "unsupported"),
    Result.WITHDRAWN: ("failed", "withdrawn"),
    Result.REFUSED: ("pending", ""),
    Result.RETRY: ("pending", ""),
    Result.NOT_SENT: ("pending", ""),
    Result.UNKNOWN: ("pending", ""),
}
SPENDS = {
    Result.REJECTED: 1,
    Result.UNSUPPORTED: 1,
    Result.WITHDRAWN: 1,
    Result.REFUSED: 1,
    Result.RETRY: 1,
}


def returned(account, result, fault=None, code="c-1"):
    [call] = claim(account)
    back = come_back(call, result, code, fault or WITH_FAULT.get(result))
    settlement.settle([back])
    return back


def go_again(account, result, fault=None):
    let_pass(days=2)
    return returned(account, result, fault)


@pytest.mark.parametrize("result", Result)
@pytest.mark.parametrize("record", [opt_in, opt_out])
def test_each_outcome_of_a_lone_row_has_its_status(account, result, record):
    record()
    returned(account, result)
    row = newest(account)
    assert (row.status, row.reason) == ENDS_AS[result]
    assert row.attempts == SPENDS.get(result, 0)
    assert (row.lease, row.lease_until) == (None, None)
    assert (row.code, row.text) == ("c-1", "in words: c-1")
    assert (row.ended_at is not None) == (row.status in {"succeeded", "failed"})


@pytest.mark.parametrize("result", Result)
def test_behind_each_outcome_the_newer_change_gets_its_turn(account, result):
    opt_in()
    [call] = claim(account)
    opt_out()
    settlement.settle([come_back(call, result, fault=WITH_FAULT.get(result))])
    old, new = rows(account)
    arrived = {Result.SUCCEEDED: "succeeded", Result.ACCEPTED: "awaiting_result"}
    assert old.status == arrived.get(result, "superseded")
    assert (new.kind, new.status) == ("opt_out", "pending")
    assert new.is_uncertain == (result == Result.UNKNOWN)
    let_pass(minutes=2)
    [call] = claim(account)
    assert call.changes[0].kind == "opt_out"


def test_a_newer_change_replaces_the_result_that_was_awaited(account):
    opt_in()
    [call] = claim(account)
    opt_out()
    settlement.settle([come_back(call, Result.ACCEPTED)])
    returned(account, Result.SUCCEEDED)
    assert told(account) == [("opt_in", "superseded"), ("opt_out", "succeeded")]


def test_each_call_leaves_one_attempt_per_row_and_rows_sent_together_share_it(sender):
    account = AccountFactory(sender=sender, kind="sinch_whatsapp")
    opt_in_many([NUMBER, OTHER_NUMBER])
    returned(account, Result.SUCCEEDED)
    attempts = list(SyncAttempt.objects.all())
    assert [one.result for one in attempts] == ["succeeded"] * 2
    assert len({one.call for one in attempts}) == 1
    assert attempts[0].trace[0]["status"] == 200


# --- leases


@pytest.mark.parametrize("result", [Result.REJECTED, Result.SUCCEEDED])
def test_a_call_that_comes_back_after_its_lease_leaves_an_attempt_and_nothing_else(account, result):
    opt_in()
    [late] = claim(account)
    let_pass(seconds=61)
    assert settlement.reap() == 1
    [again] = claim(account)
    settlement.settle([come_back(late, result)])
    assert told(account) == [("opt_in", "sending")]
    assert SyncAttempt.objects.count() == 1
    settlement.settle([come_back(again, Result.SUCCEEDED)])
    assert told(account)[0] == ("opt_in", "succeeded")


def test_a_lease_that_still_runs_is_not_reaped(account):
    opt_in()
    claim(account)
    let_pass(seconds=50)
    assert settlement.reap() == 0


def test_a_reaped_row_is_due_at_once_and_uncertain_and_has_spent_nothing(account):
    opt_in()
    claim(account)
    let_pass(seconds=61)
    settlement.reap()
    row = newest(account)
    assert (row.status, row.is_uncertain, row.attempts) == ("pending", True, 0)
    assert row.due_at <= database_clock()


def test_a_reaped_opt_in_makes_way_for_the_opt_out_behind_it(account):
    opt_in()
    claim(account)
    opt_out()
    let_pass(seconds=61)
    settlement.reap()
    assert told(account) == [("opt_in", "superseded"), ("opt_out", "pending")]
    assert newest(account).is_uncertain


def test_what_was_claimed_and_not_begun_is_given_back_unspent(account):
    opt_in()
    [call] = claim(account)
    settlement.release([call])
    row = newest(account)
    assert (row.status, row.attempts, row.is_uncertain) == ("pending", 0, False)
    assert len(claim(account)) == 1


def test_giving_back_does_not_touch_what_somebody_else_holds_by_now(account):
    opt_in()
    [late] = claim(account)
    let_pass(seconds=61)
    settlement.reap()
    claim(account)
    settlement.release([late])
    assert newest(account).status == "sending"


# --- unknown outcomes


def test_after_an_unknown_outcome_the_next_success_is_sent_once_more_a_minute_later(account):
    opt_in()
    returned(account, Result.UNKNOWN)
    let_pass(minutes=2)
    returned(account, Result.SUCCEEDED)
    again = newest(account)
    assert told(account) == [("opt_in", "succeeded"), ("opt_in", "pending")]
    assert again.is_resend
    assert timedelta(seconds=55) < again.due_at - database_clock() <= timedelta(seconds=60)


def test_the_once_more_is_once(account):
    opt_in()
    returned(account, Result.UNKNOWN)
    go_again(account, Result.SUCCEEDED)
    go_again(account, Result.SUCCEEDED)
    assert told(account) == [("opt_in", "succeeded")] * 2


def test_an_opt_out_behind_an_unknown_opt_in_is_itself_sent_twice(account):
    """The opt-in may land after the opt-out that overtook it; the second opt-out overwrites it."""
    opt_in()
    [call] = claim(account)
    opt_out()
    settlement.settle([come_back(call, Result.UNKNOWN, fault=FAULT)])
    go_again(account, Result.SUCCEEDED)
    assert told(account)[-2:] == [("opt_out", "succeeded"), ("opt_out", "pending")]


def test_an_opt_out_that_replaces_the_once_more_of_an_opt_in_is_sent_twice(account):
    opt_in()
    returned(account, Result.UNKNOWN)
    go_again(account, Result.SUCCEEDED)
    opt_out()
    go_again(account, Result.SUCCEEDED)
    assert told(account) == [
        ("opt_in", "succeeded"),
        ("opt_in", "superseded"),
        ("opt_out", "succeeded"),
        ("opt_out", "pending"),
    ]


def test_a_success_whose_call_had_to_be_repeated_is_sent_once_more(account):
    """The connection broke under the first copy, which may still land."""
    opt_in()
    [call] = claim(account)
    back = come_back(call, Result.SUCCEEDED)
    settlement.settle([replace(back, delivery=replace(back.delivery, is_repeated=True))])
    assert told(account) == [("opt_in", "succeeded"), ("opt_in", "pending")]


def test_what_was_certainly_not_sent_is_not_sent_twice(account):
    opt_in()
    returned(account, Result.NOT_SENT)
    go_again(account, Result.SUCCEEDED)
    assert told(account) == [("opt_in", "succeeded")]


# --- a row's own fault: the ladder


def climb(account):
    for _ in LADDER:
        go_again(account, Result.RETRY)


def test_the_ladder_takes_about_three_days():
    assert timedelta(days=2.5) < sum(LADDER, timedelta()) < timedelta(days=3.5)


def test_a_row_waits_longer_after_each_attempt_of_its_own(account):
    opt_in()
    for wait in LADDER[:4]:
        go_again(account, Result.RETRY)
        left = newest(account).due_at - database_clock()
        assert wait - timedelta(seconds=5) < left <= wait


def test_after_the_ladder_an_opt_in_gives_up(account):
    opt_in()
    climb(account)
    assert newest(account).status == Status.PENDING
    go_again(account, Result.RETRY)
    row = newest(account)
    assert (row.status, row.reason) == (Status.FAILED, FailedReason.GAVE_UP)
    assert (row.code, row.text) == ("c-1", "in words: c-1")


def test_after_the_ladder_an_opt_out_goes_daily(account):
    opt_out()
    climb(account)
    for _ in range(3):
        go_again(account, Result.RETRY)
        row = newest(account)
        assert row.status == Status.PENDING
        assert DAILY - timedelta(minutes=1) < row.due_at - database_clock() <= DAILY


# --- an account's fault


@pytest.mark.parametrize("fault", Fault)
def test_a_fault_of_the_account_spends_nothing_however_often(account, fault):
    opt_in()
    for _ in range(3):
        go_again(account, Result.NOT_SENT, AccountFault(fault, "x", "y"))
    row = newest(account)
    assert (row.status, row.attempts) == (Status.PENDING, 0)
    assert row.suspect_since is not None
    assert fetched(account).fault == fault.value


def fail_while_another_passes(account, fault):
    """The row of NUMBER meets the fault, then another passes, then it meets it again."""
    opt_in()
    returned(account, Result.NOT_SENT, fault)
    opt_in(OTHER_NUMBER)
    go_again(account, Result.SUCCEEDED)
    returned(account, Result.NOT_SENT, fault)


def test_one_that_fails_again_while_others_pass_is_at_fault_itself(account):
    fail_while_another_passes(account, FAULT)
    assert rows(account, NUMBER)[0].attempts == 1
    assert fetched(account).pauses == 0


def test_a_rate_limit_is_never_a_rows_fault(account):
    fail_while_another_passes(account, AccountFault(Fault.RATE_LIMITED, "429", "slow down"))
    assert rows(account, NUMBER)[0].attempts == 0
    assert fetched(account).pauses == 1


def test_a_success_that_was_under_way_when_the_fault_came_proves_nothing(account):
    opt_in()
    opt_in(OTHER_NUMBER)
    first, second = claim(account)
    settlement.settle([come_back(first, Result.NOT_SENT, fault=FAULT)])
    settlement.settle([come_back(second, Result.SUCCEEDED)])
    assert fetched(account).pauses == 1
    go_again(account, Result.NOT_SENT, FAULT)
    assert rows(account, NUMBER)[0].attempts == 0


# --- batches


def batch(sender, count):
    account = AccountFactory(sender=sender, kind="sinch_whatsapp")
    opt_in_many(list(british_numbers(count)))
    return account


def test_a_refused_batch_goes_back_with_half_its_size_and_spends_nothing(sender):
    account = batch(sender, 15)
    returned(account, Result.REFUSED)
    assert {(row.status, row.batch_max, row.attempts) for row in rows(account)} == {
        ("pending", 7, 0)
    }


def test_a_batch_of_two_comes_back_as_two_lone_rows(sender):
    account = batch(sender, 2)
    returned(account, Result.REFUSED)
    assert {row.batch_max for row in rows(account)} == {1}
    assert len(claim(account)) == 2


def test_rows_that_were_replaced_meanwhile_do_not_come_back(sender):
    account = batch(sender, 3)
    [call] = claim(account)
    [gone, *_] = british_numbers(1)
    opt_out(gone)
    settlement.settle([come_back(call, Result.REFUSED)])
    assert told(account, gone) == [("opt_in", "superseded"), ("opt_out", "pending")]


# --- results that never came


def test_a_result_that_is_an_hour_late_is_asked_for_by_sending_again(account):
    opt_in()
    returned(account, Result.ACCEPTED)
    let_pass(minutes=59)
    assert settlement.time_out_results() == 0
    let_pass(minutes=2)
    assert settlement.time_out_results() == 1
    row = newest(account)
    assert (row.status, row.attempts) == ("pending", 1)
    assert row.due_at <= database_clock()


def test_an_opt_in_whose_result_never_comes_fails_and_an_opt_out_never_does(account):
    opt_in()
    opt_out(OTHER_NUMBER)
    ProviderSync.objects.update(attempts=len(LADDER))
    for call in claim(account):
        settlement.settle([come_back(call, Result.ACCEPTED)])
    let_pass(hours=2)
    settlement.time_out_results()
    [out], [in_] = rows(account, OTHER_NUMBER), rows(account, NUMBER)
    assert (in_.status, in_.reason) == ("failed", "no_result")
    assert (out.status, out.attempts) == ("pending", len(LADDER) + 1)


def test_a_timed_out_row_makes_way_for_a_newer_one(account):
    opt_in()
    returned(account, Result.UNKNOWN)
    go_again(account, Result.ACCEPTED)
    assert told(account) == [("opt_in", "awaiting_result"), ("opt_in", "pending")]
    let_pass(hours=2)
    settlement.time_out_results()
    assert told(account) == [("opt_in", "superseded"), ("opt_in", "pending")]


def test_several_calls_are_settled_together(account):
    opt_in()
    opt_in(OTHER_NUMBER)
    back = [come_back(call, Result.SUCCEEDED) for call in claim(account)]
    assert len(back) == 2
    settlement.settle(back)
    assert told(account) == [("opt_in", "succeeded")] * 2


def test_calls_settled_together_keep_what_was_said_of_each(account):
    opt_in_many(list(british_numbers(3)))
    said = [(Result.SUCCEEDED, "one"), (Result.ACCEPTED, "two"), (Result.REJECTED, "three")]
    made = [come_back(call, *what) for call, what in zip(claim(account), said, strict=True)]
    settlement.settle(made)
    for one, (result, code) in zip(made, said, strict=True):
        row = ProviderSync.objects.get(id=one.call.rows[0])
        assert (row.status, row.code) == (ENDS_AS[result][0], code)
        attempt = row.attempts_made.get()
        assert (attempt.call, attempt.result, attempt.code) == (one.call.id, result, code)
        assert attempt.started_at == one.started_at
        assert (attempt.elapsed_ms, attempt.status_code) == (5, 200)
        assert attempt.trace[0]["url"] == "http://provider.example/"

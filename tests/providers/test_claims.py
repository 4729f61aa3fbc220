"""Taking rows for sending: which, in what order, and never two of one pair."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction

from consents.writing import database_clock
from providers import claims, settlement
from providers.contract import AccountFault, Fault, Result
from providers.decisions import Rows
from providers.models import ProviderAccount, ProviderSync
from providers.outcomes import Status
from tests.consents.factories import NUMBER, OTHER_NUMBER
from tests.providers.factories import (
    AccountFactory,
    british_numbers,
    claim,
    come_back,
    let_pass,
    newest,
    opt_in,
    opt_in_many,
    opt_out,
    rows,
)

pytestmark = pytest.mark.django_db

FAULT = AccountFault(Fault.UNAVAILABLE, "503", "down")


def numbers(calls):
    return [change.identity for call in calls for change in call.changes]


def pause(account, **fields):
    now = database_clock()
    fields = {"pauses": 1, "paused_since": now - timedelta(seconds=9), "paused_until": now} | fields
    ProviderAccount.objects.filter(id=account.id).update(**fields)


def test_a_claimed_row_is_leased_for_a_minute(account):
    opt_in()
    [call] = claim(account)
    row = newest(account)
    assert (row.status, row.lease) == (Status.SENDING, call.lease)
    left = row.lease_until - database_clock()
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)


def test_the_request_id_is_the_rows_and_committed_with_the_claim(account):
    opt_in()
    [call] = claim(account)
    assert call.changes[0].request_id == str(newest(account).id)


def test_a_claimed_row_is_not_claimed_again(account):
    opt_in()
    assert len(claim(account)) == 1
    assert claim(account) == []


def test_one_that_is_not_due_yet_stays(account):
    opt_in()
    ProviderSync.objects.update(due_at=database_clock() + timedelta(minutes=1))
    assert claim(account) == []


def test_the_newer_one_of_a_pair_waits_until_the_older_is_back(account):
    opt_in()
    [call] = claim(account)
    opt_out()
    assert claim(account) == []
    settlement.settle([come_back(call, Result.SUCCEEDED)])
    [call] = claim(account)
    assert call.changes[0].kind == "opt_out"


def test_a_pair_whose_newer_row_must_wait_holds_nobody_else_up(account):
    opt_in()
    claim(account)
    opt_out()
    opt_in(OTHER_NUMBER)
    assert numbers(claim(account)) == [OTHER_NUMBER]


def test_opt_outs_go_before_opt_ins_that_have_waited_longer(account):
    people = list(british_numbers(6))
    opt_in_many(people[:5])
    opt_out(people[5])
    [first, *_] = claim(account, room=2)
    assert numbers([first]) == [people[5]]


def test_no_more_is_claimed_than_there_is_room_for(account):
    opt_in_many(list(british_numbers(5)))
    assert len(claim(account, room=3)) == 3
    assert len(claim(account, room=3)) == 2


def test_a_provider_that_takes_twenty_gets_twenty_of_one_kind_a_call(sender):
    account = AccountFactory(sender=sender, kind="sinch_whatsapp")
    people = list(british_numbers(45))
    opt_in_many(people)
    opt_out(people[0])
    calls = claim(account)
    assert [len(call.changes) for call in calls] == [1, 20, 20, 4]
    assert [call.changes[0].kind for call in calls] == ["opt_out", "opt_in", "opt_in", "opt_in"]


def test_rows_of_a_refused_batch_go_in_smaller_ones(sender):
    account = AccountFactory(sender=sender, kind="sinch_whatsapp")
    opt_in_many(list(british_numbers(7)))
    refused = [row.id for row in rows(account)[:5]]
    ProviderSync.objects.filter(id__in=refused).update(batch_max=2)
    assert sorted(len(call.changes) for call in claim(account)) == [1, 2, 2, 2]


@pytest.mark.parametrize("field", ["is_held", "is_off"])
def test_an_account_held_or_switched_off_gives_nothing(account, field):
    opt_in()
    changed = {"is_held": True} if field == "is_held" else {"is_enabled": False}
    ProviderAccount.objects.update(**changed)
    assert claim(account, probe=True) == []


def test_only_accounts_that_something_is_due_of_are_looked_at(sender):
    due, later, nothing, other = (AccountFactory(sender=sender) for _ in range(4))
    opt_in()
    rows_of = ProviderSync.objects.filter
    rows_of(account=later).update(due_at=database_clock() + timedelta(minutes=1))
    rows_of(account=nothing).update(status=Status.SUCCEEDED.value)
    looked_at = claims.accounts_with_due_rows()
    assert {one.id for one in looked_at} == {due.id, other.id}
    assert claims.accounts_with_due_rows({due.id, later.id}) == [due]
    ProviderAccount.objects.filter(id=due.id).update(is_held=True)
    assert claims.accounts_with_due_rows() == [other]


# --- pauses and probes


def test_a_paused_account_gives_nothing(account):
    opt_in()
    pause(account, paused_until=database_clock() + timedelta(minutes=1))
    assert claim(account) == []


def test_after_a_pause_one_goes_alone_and_no_other_meanwhile(account):
    opt_in()
    opt_in(OTHER_NUMBER)
    pause(account)
    assert len(claim(account)) == 1
    assert claim(account) == []


def test_what_a_killed_worker_held_when_the_account_paused_is_no_probe(account):
    opt_in()
    claim(account)
    opt_in(OTHER_NUMBER)
    now = database_clock()
    pause(account, paused_since=now, paused_until=now)
    assert numbers(claim(account)) == [OTHER_NUMBER]


def test_a_probe_whose_worker_was_killed_is_followed_by_another(account):
    opt_in()
    opt_in(OTHER_NUMBER)
    pause(account)
    assert len(claim(account)) == 1
    let_pass(seconds=19)
    assert claim(account) == []
    let_pass(seconds=2)
    assert len(claim(account)) == 1


def test_a_probe_may_be_asked_for_before_the_pause_is_over(account):
    opt_in()
    opt_in(OTHER_NUMBER)
    pause(account, paused_until=database_clock() + timedelta(minutes=1))
    assert len(claim(account, probe=True)) == 1
    assert claim(account, probe=True) == []


def test_a_probe_of_a_provider_of_batches_is_one_number(sender):
    account = AccountFactory(sender=sender, kind="sinch_whatsapp")
    opt_in_many(list(british_numbers(30)))
    pause(account)
    assert [len(call.changes) for call in claim(account)] == [1]


def test_the_probe_is_another_row_than_the_one_that_met_the_fault(account):
    opt_out()
    [call] = claim(account)
    settlement.settle([come_back(call, Result.UNKNOWN, fault=FAULT)])
    opt_in(OTHER_NUMBER)
    let_pass(minutes=2)
    assert numbers(claim(account)) == [OTHER_NUMBER]


def test_where_there_is_no_other_the_one_that_met_the_fault_is_the_probe(account):
    opt_out()
    [call] = claim(account)
    settlement.settle([come_back(call, Result.UNKNOWN, fault=FAULT)])
    let_pass(minutes=2)
    assert numbers(claim(account)) == [NUMBER]


def test_a_suspect_opt_out_still_goes_before_opt_ins_when_the_account_runs(account):
    opt_in(OTHER_NUMBER)
    opt_out()
    ProviderSync.objects.filter(kind="opt_out").update(suspect_since=database_clock())
    assert numbers(claim(account)) == [NUMBER, OTHER_NUMBER]


def test_suspects_go_alone(sender):
    account = AccountFactory(sender=sender, kind="sinch_whatsapp")
    opt_in_many(list(british_numbers(3)))
    ProviderSync.objects.update(suspect_since=database_clock())
    assert [len(call.changes) for call in claim(account)] == [1, 1, 1]


# --- several at once; connections of their own


def in_another_connection(work):
    """What `work` brought, done in a thread, so on a connection of its own."""
    brought = []

    def run():
        try:
            brought.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    [result] = brought
    return result


@pytest.mark.django_db(transaction=True)
def test_whoever_finds_the_account_being_claimed_waits_for_nothing(account):
    opt_in()
    with transaction.atomic():
        assert len(claim(account)) == 1
        assert in_another_connection(lambda: claim(account)) == []


@pytest.mark.django_db(transaction=True)
def test_what_is_being_decided_upon_cannot_be_claimed_in_between(account):
    """Else the decision would be written over the claim: one in flight would count as waiting."""
    opt_in()
    [call] = claim(account)
    settlement.settle([come_back(call, Result.ACCEPTED)])
    awaiting = newest(account)
    ProviderSync.objects.filter(id=awaiting.id).update(is_uncertain=True)
    ProviderSync.objects.create(
        account=account,
        identity=awaiting.identity,
        kind="opt_in",
        is_resend=True,
        due_at=awaiting.due_at,
        created_at=awaiting.created_at,
    )
    with transaction.atomic():
        Rows([awaiting.id], Status.AWAITING_RESULT)
        assert in_another_connection(lambda: claim(account)) == []
    assert len(claim(account)) == 1


@pytest.mark.django_db(transaction=True)
def test_four_who_claim_at_once_get_each_row_once(account):
    opt_in_many(list(british_numbers(60)))
    taken: list[UUID] = []
    lock, start = threading.Lock(), threading.Barrier(4)

    def drain():
        start.wait(10)
        try:
            # A round without anything may be one in which somebody else held the account.
            for _ in range(200):
                if len(taken) == 60:
                    return
                for call in claims.claim(account, 2):
                    with lock:
                        taken.extend(call.rows)
        finally:
            connection.close()

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(taken) == len(set(taken)) == 60

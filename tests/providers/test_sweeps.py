"""What a sweep finds, retries, keeps and asks people for."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection

from consents.models import ApiKey, IdempotencyRecord, ImportFile, Purpose
from providers import settlement, sweeps
from providers.contract import AccountFault, Fault, Result
from providers.decisions import LADDER
from providers.models import ProviderAccount, ProviderSync, SyncAttempt
from providers.outcomes import FailedReason
from tests.consents.factories import NUMBER, OTHER_NUMBER, ago
from tests.consents.importing.handed_in import receive
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
    told,
)

pytestmark = pytest.mark.django_db


def settle_all(account, result, fault=None):
    for call in claim(account):
        settlement.settle([come_back(call, result, fault=fault)])


def failed(account, record, reason, number=NUMBER):
    record(number)
    found = ProviderSync.objects.filter(account=account, identity__address=number)
    now = settlement.database_clock()
    found.update(status="failed", reason=reason.value, ended_at=now)


def test_a_sweep_counts_what_it_did(account):
    opt_in()
    claim(account)
    let_pass(minutes=2)
    counts = sweeps.sweep()
    assert counts.freed == 1
    assert str(counts).startswith("freed=1 no_result=0 ")


def test_a_sweep_frees_more_than_one_step_does(account, monkeypatch, settings):
    settings.LEDGER_SEAL_MINUTES = 0
    opt_in_many(list(british_numbers(5)))
    claim(account)
    let_pass(minutes=2)
    left = [2, 3, 0]
    monkeypatch.setattr(settlement, "reap", lambda: left.pop(0))
    assert sweeps.sweep().freed == 5


def test_a_sweep_tells_a_new_account_what_is_known(sender):
    opt_in()
    account = AccountFactory(sender=sender)
    ProviderSync.objects.all().delete()
    ProviderAccount.objects.update(catch_up="opt_out")
    assert sweeps.sweep().caught_up
    assert told(account) == [("opt_in", "pending")]


# --- opt-ins that run out


def run_out(days=365):
    purpose = Purpose.objects.get(key="marketing")
    purpose.validity_days = days
    purpose.save()


def test_an_opt_in_that_has_run_out_is_written_down_and_the_provider_told(account):
    opt_in(purpose="marketing", occurred_at=ago(days=360))
    settle_all(account, Result.ACCEPTED)
    run_out(days=300)
    assert sweeps.sweep().expired == 1
    assert told(account)[-1] == ("opt_out", "pending")
    assert newest(account).event.action == "expired"


def test_a_sweep_warns_of_those_that_run_out_soon(account):
    run_out()
    opt_in(purpose="marketing", occurred_at=ago(days=350))
    assert [sweeps.sweep().warned for _ in range(2)] == [1, 0]
    assert told(account) == [("opt_in", "pending")]


# --- failed rows


@pytest.mark.parametrize("reason", FailedReason)
def test_by_default_only_what_time_may_mend_is_tried_again(account, reason):
    failed(account, opt_in, reason)
    retried = sweeps.retry_failed()
    assert retried == (1 if reason in {FailedReason.GAVE_UP, FailedReason.NO_RESULT} else 0)


def test_other_reasons_are_tried_again_when_named(account):
    failed(account, opt_in, FailedReason.REJECTED)
    assert sweeps.retry_failed([FailedReason.WITHDRAWN]) == 0
    assert sweeps.retry_failed([FailedReason.REJECTED]) == 1
    assert told(account) == [("opt_in", "failed"), ("opt_in", "pending")]


def test_the_account_can_be_narrowed(sender):
    one, other = AccountFactory(sender=sender), AccountFactory(sender=sender)
    failed(one, opt_in, FailedReason.GAVE_UP)
    ProviderSync.objects.filter(account=other).update(status="failed", reason="gave_up")
    assert sweeps.retry_failed(account=one.id) == 1
    assert told(other) == [("opt_in", "failed")]


def test_however_many_failed_all_are_tried_again(account, monkeypatch):
    monkeypatch.setattr(sweeps, "CHUNK", 2)
    opt_in_many(list(british_numbers(5)))
    ProviderSync.objects.update(status="failed", reason="gave_up")
    assert sweeps.retry_failed() == 5
    assert ProviderSync.objects.filter(status="pending").count() == 5


def test_a_failure_that_something_newer_followed_is_history(account):
    failed(account, opt_in, FailedReason.GAVE_UP)
    opt_out()
    assert sweeps.retry_failed() == 0
    assert sweeps.needs().failed == 0


@pytest.mark.parametrize("reason", FailedReason)
def test_a_failed_opt_out_is_tried_again_every_day_whatever_was_said(account, reason):
    failed(account, opt_out, reason)
    assert sweeps.sweep().retried == 0
    let_pass(hours=25)
    assert sweeps.sweep().retried == 1
    assert told(account) == [("opt_out", "failed"), ("opt_out", "pending")]


def test_a_failed_opt_in_is_not(account):
    failed(account, opt_in, FailedReason.REJECTED)
    let_pass(days=3)
    assert sweeps.sweep().retried == 0


def test_who_has_seen_a_failed_opt_out_need_not_look_again_every_day(account):
    failed(account, opt_out, FailedReason.REJECTED)
    assert sweeps.needs().failed == 1
    ProviderSync.objects.update(seen_at=settlement.database_clock())
    let_pass(hours=25)
    sweeps.sweep()
    settle_all(account, Result.REJECTED)
    assert newest(account).reason == "rejected"
    assert not sweeps.needs()


# --- what a person has to look at


def test_nothing_wrong_needs_nobody(account):
    opt_in()
    assert not sweeps.needs()


def test_a_failed_row_needs_somebody_until_it_is_seen(account):
    failed(account, opt_in, FailedReason.REJECTED)
    assert str(sweeps.needs()).startswith("failed=1 ")
    ProviderSync.objects.update(seen_at=settlement.database_clock())
    assert not sweeps.needs()


def test_an_opt_out_past_its_ladder_is_overdue(account):
    opt_out()
    ProviderSync.objects.update(attempts=len(LADDER))
    assert not sweeps.needs()
    ProviderSync.objects.update(attempts=len(LADDER) + 1)
    assert sweeps.needs().overdue_opt_outs == 1


@pytest.mark.parametrize("fault", Fault)
def test_of_the_faults_of_accounts_some_need_somebody(account, fault):
    opt_in()
    settle_all(account, Result.NOT_SENT, AccountFault(fault, "x", "y"))
    needed = fault in {Fault.CREDENTIALS, Fault.REFUSING}
    assert sweeps.needs().accounts_at_fault == needed


# --- what is deleted after a time


def test_old_rows_go_and_the_newest_of_each_pair_stays(account):
    opt_in()
    settle_all(account, Result.SUCCEEDED)
    opt_out()
    settle_all(account, Result.REJECTED)
    opt_in()
    settle_all(account, Result.SUCCEEDED)
    opt_in(OTHER_NUMBER)
    settle_all(account, Result.SUCCEEDED)
    last = {newest(account, number).id for number in (NUMBER, OTHER_NUMBER)}
    let_pass(days=29)
    assert sweeps.purge() == 0
    let_pass(days=2)
    assert sweeps.purge() == 2
    assert {row.id for row in rows(account)} == last
    assert set(SyncAttempt.objects.values_list("sync", flat=True)) == last


def test_after_a_purge_the_provider_is_still_known_to_hold_the_state(account):
    opt_in()
    settle_all(account, Result.SUCCEEDED)
    let_pass(days=400)
    sweeps.purge()
    opt_in()
    assert told(account) == [("opt_in", "succeeded")]


def test_what_callers_were_answered_is_kept_for_a_week_and_more_and_then_goes(sender):
    key, _ = ApiKey.issue("shop", ["record"])
    key.save()
    records = [
        IdempotencyRecord(api_key=key, method="POST", path="/", key=str(index), body_sha256=b"")
        for index in range(1500)
    ]
    IdempotencyRecord.objects.bulk_create(records)
    IdempotencyRecord.objects.update(created_at=ago(days=8))
    assert sweeps.sweep().purged == 0
    IdempotencyRecord.objects.exclude(key="0").update(created_at=ago(days=31))
    assert sweeps.sweep().purged == 1499
    assert IdempotencyRecord.objects.get().key == "0"


@pytest.mark.parametrize("keep", ["pending", "sending", "awaiting_result"])
def test_what_is_still_open_is_never_purged(account, keep):
    opt_in()
    opt_out()
    now = settlement.database_clock()
    lease = newest(account).id if keep == "sending" else None
    ProviderSync.objects.filter(kind="opt_out").update(
        status=keep, lease=lease, lease_until=now, ended_at=now - timedelta(days=99)
    )
    ProviderSync.objects.filter(kind="opt_in").update(ended_at=now - timedelta(days=99))
    sweeps.purge()
    assert told(account) == [("opt_out", keep)]


# --- one at a time


@pytest.mark.django_db(transaction=True)
def test_while_somebody_sweeps_another_does_not(account):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [sweeps.SWEEP_LOCK])
    found = []

    def elsewhere():
        try:
            found.append(sweeps.sweep_alone())
        finally:
            connection.close()

    for _ in range(2):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join(10)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
    assert found[0] is None
    assert found[1] is not None


@pytest.mark.django_db(transaction=True)
def test_a_sweep_that_fails_lets_the_next_one_in(account, monkeypatch):
    def fail(**_):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(sweeps, "sweep", fail)
        with pytest.raises(ZeroDivisionError):
            sweeps.sweep_alone()
    found = []

    def elsewhere():
        try:
            found.append(sweeps.sweep_alone())
        finally:
            connection.close()

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(10)
    assert found[0] is not None


# --- seals over the ledger


def test_what_is_new_in_the_ledger_is_sealed_when_it_is_time(sender, settings):
    opt_in()
    settings.LEDGER_SEAL_MINUTES = 0
    assert sweeps.sweep().sealed == 0
    settings.LEDGER_SEAL_MINUTES = 10
    assert sweeps.sweep().sealed == 1
    opt_out()
    assert sweeps.sweep().sealed == 0


def test_a_file_of_seals_that_cannot_be_written_stops_no_sweep(sender, settings, tmp_path, caplog):
    settings.LEDGER_ANCHOR_FILE = str(tmp_path)
    opt_in()
    assert sweeps.sweep().sealed == 1
    assert "cannot be written" in caplog.text


def test_a_purge_forgets_what_old_files_hold(sender):
    file = receive(sender)
    ImportFile.objects.update(received_at=ago(days=31))
    assert sweeps.sweep(purges=False).purged == 0
    assert sweeps.sweep().purged == 1
    assert not file.pieces.exists()

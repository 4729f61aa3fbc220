"""The loop: nothing sent twice, no database held during a call, nothing lost when it stops."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, connections

from providers import lanes, registry, settlement, worker
from providers.claims import claim as claim_calls
from providers.contract import (
    Account,
    AccountFault,
    Adapter,
    Change,
    Delivery,
    Fault,
    Outcome,
    Result,
)
from providers.models import ProviderSync, SyncAttempt
from providers.worker import Worker
from tests.consents.factories import NUMBER, OTHER_NUMBER
from tests.providers.factories import (
    AccountFactory,
    british_numbers,
    let_pass,
    newest,
    opt_in,
    opt_in_many,
    opt_out,
    rows,
    told,
)

pytestmark = pytest.mark.django_db

PATIENCE = 10.0


class Scripted(Adapter):
    """Does what a test says, and remembers what it was told."""

    required_credentials = frozenset()

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.in_order: dict[tuple[str, str], list[str]] = defaultdict(list)
        self.script: Callable[[Sequence[Change]], Delivery] = self.succeed
        self._lock = threading.Lock()

    def channels(self, account: Account) -> frozenset[str]:
        return frozenset({"WHATSAPP"})

    def deliver(self, account: Account, changes: Sequence[Change], *, seconds: float) -> Delivery:
        with self._lock:
            for change in changes:
                self.told.append((change.identity, change.kind.value))
                self.in_order[account.id, change.identity].append(change.kind.value)
        return self.script(changes)

    @staticmethod
    def succeed(changes: Sequence[Change]) -> Delivery:
        return Delivery({change.id: Outcome(Result.SUCCEEDED) for change in changes})


@pytest.fixture
def adapter(monkeypatch) -> Scripted:
    """Stands in for every provider."""
    scripted = Scripted()
    monkeypatch.setattr(registry, "adapter", lambda kind: scripted)
    return scripted


def in_a_thread(work):
    def run():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_draining_sends_all_that_is_due_and_says_how_many_calls(account, adapter):
    opt_in_many(list(british_numbers(70)))
    assert Worker().drain() == 70
    assert len(adapter.told) == 70
    assert Worker().drain() == 0


def test_a_step_says_whether_it_found_work(account, adapter):
    assert Worker().step() is False
    opt_in()
    assert Worker().step() is True


def test_only_the_accounts_named_are_drained(sender, adapter):
    one, other = AccountFactory(sender=sender), AccountFactory(sender=sender)
    opt_in()
    assert Worker({one.id}).drain() == 1
    assert told(one) == [("opt_in", "succeeded")]
    assert told(other) == [("opt_in", "pending")]


def test_an_opt_out_recorded_during_the_opt_ins_call_is_sent_after_it(account, adapter):
    """Here the call itself records it, so it can be no earlier and no later."""
    opt_in()
    busy = Worker()
    busy._claim()
    opt_out()
    busy.drain()
    assert adapter.told == [(NUMBER, "opt_in"), (NUMBER, "opt_out")]
    assert told(account) == [("opt_in", "succeeded"), ("opt_out", "succeeded")]


def test_a_call_is_made_without_a_connection_to_the_database(account, adapter):
    held = []

    def look(changes):
        held.append(connections["default"].connection)
        return Scripted.succeed(changes)

    adapter.script = look
    opt_in()
    Worker().drain()
    assert held == [None]


def test_what_waited_too_long_behind_others_is_given_back_and_not_sent(
    account, adapter, monkeypatch
):
    """With a lease no longer than a call may take, there is never time enough left."""
    monkeypatch.setattr(lanes, "LEASE", lanes.LEASE_LEFT - timedelta(seconds=1))
    opt_in()
    Worker().step()
    assert adapter.told == []
    assert (newest(account).status, newest(account).attempts) == ("pending", 0)


# --- what an adapter should never do


@pytest.mark.parametrize("mistake", ["raises", "forgets"])
def test_a_mistake_in_an_adapter_is_the_rows_failure_and_told_without_its_words(
    account, adapter, mistake, caplog
):
    def err(changes):
        if mistake == "forgets":
            return Delivery({})
        raise ZeroDivisionError(f"with {NUMBER} and sandbox-pepipost-token")

    adapter.script = err
    opt_in()
    Worker().drain()
    row = newest(account)
    assert (row.status, row.attempts, row.code) == ("pending", 1, "internal_error")
    attempt = SyncAttempt.objects.get()
    for text in (row.text, attempt.text, caplog.text, str(attempt.trace)):
        assert NUMBER not in text
        assert "sandbox-pepipost-token" not in text
    assert "ZeroDivisionError" in caplog.text or mistake == "forgets"


def test_what_the_database_refuses_of_one_call_does_not_keep_the_others(account, adapter, caplog):
    def some(changes):
        code = "\0" if changes[0].identity == NUMBER else ""
        return Delivery({changes[0].id: Outcome(Result.SUCCEEDED, code)})

    adapter.script = some
    opt_in(NUMBER)
    opt_in(OTHER_NUMBER)
    with caplog.at_level(logging.ERROR):
        Worker().drain()
    assert told(account, OTHER_NUMBER) == [("opt_in", "succeeded")]
    assert told(account, NUMBER) == [("opt_in", "sending")]
    assert NUMBER not in caplog.text


def test_an_account_of_an_unknown_kind_does_not_stop_the_others(sender):
    strange = AccountFactory(sender=sender)
    opt_in()
    type(strange).objects.update(kind="carrier_pigeon")
    assert Worker().drain() == 0
    assert told(strange) == [("opt_in", "pending")]


def test_rows_given_back_are_not_begun_where_the_databases_answer_was_lost(
    account, adapter, monkeypatch
):
    """They may be somebody else's by then, or overtaken by a newer change."""
    monkeypatch.setattr(lanes, "CALLS_AT_ONCE", 1)
    release = settlement.release

    def lose_the_answer(calls):
        if calls:
            release(calls)
            raise OperationalError("gone")

    def fail(changes):
        minute = timedelta(minutes=1)
        fault = AccountFault(Fault.RATE_LIMITED, "429", "slow down", retry_after=minute)
        return Delivery({changes[0].id: Outcome(Result.NOT_SENT)}, fault)

    adapter.script = fail
    opt_in_many([NUMBER, OTHER_NUMBER])
    busy = Worker()
    with monkeypatch.context() as patch:
        patch.setattr(settlement, "release", lose_the_answer)
        with pytest.raises(OperationalError):
            busy.drain()
    busy.step()
    assert len(adapter.told) == 1


# --- stopping


@pytest.mark.django_db(transaction=True)
def test_told_to_stop_it_finishes_its_calls_and_gives_back_the_rest(account, adapter, monkeypatch):
    monkeypatch.setattr(lanes, "CALLS_AT_ONCE", 1)
    called, released, stop = threading.Event(), threading.Event(), threading.Event()

    def hold(changes):
        called.set()
        released.wait(PATIENCE)
        return Scripted.succeed(changes)

    adapter.script = hold
    opt_in_many([NUMBER, OTHER_NUMBER])
    running = in_a_thread(lambda: Worker().run(stop))
    assert called.wait(PATIENCE)
    stop.set()
    running.join(0.5)
    assert running.is_alive()
    released.set()
    running.join(PATIENCE)
    assert not running.is_alive()
    assert sorted(row.status for row in rows(account)) == ["pending", "succeeded"]
    assert ProviderSync.objects.filter(lease__isnull=False).count() == 0


@pytest.mark.django_db(transaction=True)
def test_it_outlives_a_database_that_is_away(account, adapter, monkeypatch):
    done, stop = threading.Event(), threading.Event()
    real, failures = claim_calls, iter([OperationalError("gone")])

    def sometimes(*given, **options):
        if (failure := next(failures, None)) is not None:
            raise failure
        return real(*given, **options)

    def succeed(changes):
        done.set()
        return Scripted.succeed(changes)

    adapter.script = succeed
    monkeypatch.setattr(worker.claims, "claim", sometimes)
    opt_in()
    running = in_a_thread(lambda: Worker().run(stop))
    assert done.wait(PATIENCE)
    stop.set()
    running.join(PATIENCE)
    assert told(account) == [("opt_in", "succeeded")]


@pytest.mark.django_db(transaction=True)
def test_a_long_sweep_does_not_keep_waiting_what_a_killed_worker_held(
    account, adapter, monkeypatch
):
    sweeping, done, swept, stop = (threading.Event() for _ in range(4))

    def sweep(*, purges):
        sweeping.set()
        swept.wait(PATIENCE)

    def succeed(changes):
        done.set()
        return Scripted.succeed(changes)

    adapter.script = succeed
    monkeypatch.setattr(worker.sweeps, "sweep_alone", sweep)
    monkeypatch.setattr(worker, "REAP_EVERY_SECONDS", 0.05)
    opt_in()
    claim_calls(account, 1)
    running = in_a_thread(lambda: Worker().run(stop))
    assert sweeping.wait(PATIENCE)
    let_pass(minutes=2)
    assert done.wait(PATIENCE / 2)
    swept.set()
    stop.set()
    running.join(PATIENCE)
    # Nobody knows what became of the first call, so it will be said once more.
    assert told(account) == [("opt_in", "succeeded"), ("opt_in", "pending")]


@pytest.mark.parametrize("error", [OperationalError("gone"), ValueError("of +12025550143")])
def test_what_is_done_now_and_then_outlives_its_failure(error, monkeypatch, caplog):
    stop, outcomes = threading.Event(), iter([error, None])

    def work():
        if (failure := next(outcomes)) is not None:
            raise failure
        stop.set()

    monkeypatch.setattr(worker.connection, "close", lambda: None)
    worker._now_and_then(stop, work, 0.0, "The sweep")
    assert type(error).__name__ in caplog.text
    assert "+1202" not in caplog.text


# --- several at once


@pytest.mark.django_db(transaction=True)
def test_three_workers_send_each_row_once_and_each_pair_in_order(sender, adapter):
    accounts = [AccountFactory(sender=sender) for _ in range(2)]
    people = list(british_numbers(40))
    opt_in_many(people)
    stop, start = threading.Event(), threading.Barrier(4)

    def work():
        start.wait(PATIENCE)
        while not stop.is_set():
            Worker().drain()

    workers = [in_a_thread(work) for _ in range(3)]
    start.wait(PATIENCE)
    for person in people[:20]:
        opt_out(person)
    pause = threading.Event()
    for _ in range(200):
        if not ProviderSync.objects.exclude(status__in=["succeeded", "superseded"]).exists():
            break
        pause.wait(0.05)
    stop.set()
    for thread in workers:
        thread.join(PATIENCE)
    sent = [row for account in accounts for row in rows(account) if row.status == "succeeded"]
    assert len(adapter.told) == len(sent) == SyncAttempt.objects.count()
    for person in people[:20]:
        for account in accounts:
            order = adapter.in_order[str(account.id), person]
            assert order in (["opt_out"], ["opt_in", "opt_out"])
            assert order == [
                kind for kind, status in told(account, person) if status == "succeeded"
            ]

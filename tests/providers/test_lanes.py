"""Calls between claim and settlement: who goes first, how many at once, and who not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from providers import lanes, registry
from providers.claims import Call
from providers.contract import Account, AccountFault, Change, Delivery, Fault, Kind, Outcome, Result
from providers.lanes import CALLS_AT_ONCE, Lanes

PATIENCE = 10.0
ONE, OTHER = UUID(int=1), UUID(int=2)
used: list[Lanes] = []


class Provider:
    """Stands in for the adapter; holds every call until it is let go, where `holds`."""

    def __init__(self) -> None:
        self.told: list[tuple[UUID, str]] = []
        self.fails: set[UUID] = set()
        self.arrivals = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)
        self.holds = True

    def deliver(self, account, changes, *, seconds):
        self.told.append((UUID(account.id), changes[0].identity))
        self.arrivals.release()
        assert not self.holds or self.let_go.acquire(timeout=PATIENCE)
        fault = AccountFault(Fault.UNAVAILABLE) if UUID(account.id) in self.fails else None
        return Delivery({change.id: Outcome(Result.SUCCEEDED) for change in changes}, fault)

    def wait_for(self, calls: int) -> None:
        for _ in range(calls):
            assert self.arrivals.acquire(timeout=PATIENCE)

    def let_all_go(self) -> None:
        self.holds = False
        self.let_go.release(100)


@pytest.fixture
def provider(monkeypatch) -> Iterator[Provider]:
    standing_in = Provider()
    monkeypatch.setattr(registry, "adapter", lambda kind: standing_in)
    yield standing_in
    standing_in.let_all_go()
    # What is under way still would be told to the next test's.
    for made in used:
        made.empty()
        while made.is_busy:
            made.take(0.1)
    used.clear()


@pytest.fixture
def one_at_a_time(monkeypatch) -> None:
    monkeypatch.setattr(lanes, "CALLS_AT_ONCE", 1)


def calls(account: UUID, *people: str, kind: Kind = Kind.OPT_IN) -> list[Call]:
    plain = Account(str(account), "pepipost", "http://provider.example")
    return [
        Call(uuid4(), plain, uuid4(), [Change(str(uuid4()), kind, "WHATSAPP", person, "r", "s")])
        for person in people
    ]


def put(made: Lanes, account: UUID, *people: str, kind: Kind = Kind.OPT_IN) -> None:
    used.append(made)
    made.put(account, calls(account, *people, kind=kind), claimed_at=lanes.time.monotonic())


def taken(made: Lanes, count: int) -> list[str]:
    """Who came back, in order; waits for so many."""
    back: list[str] = []
    while len(back) < count:
        returned, _ = made.take(PATIENCE)
        assert returned
        back += [one.call.changes[0].identity for one in returned]
    return back


def test_calls_go_on_while_nobody_takes_back_what_was_made(provider, one_at_a_time):
    made = Lanes()
    provider.holds = False
    put(made, ONE, "a", "b", "c")
    provider.wait_for(3)
    assert taken(made, 3) == ["a", "b", "c"]
    assert not made.is_busy


def test_one_account_has_no_more_calls_under_way_than_it_may(provider):
    made = Lanes()
    put(made, ONE, *map(str, range(CALLS_AT_ONCE + 2)))
    provider.wait_for(CALLS_AT_ONCE)
    assert not provider.arrivals.acquire(blocking=False)
    assert made.room(ONE) == CALLS_AT_ONCE * (lanes.AHEAD - 1) - 2
    provider.let_go.release()
    provider.wait_for(1)


def test_an_opt_out_goes_before_opt_ins_that_wait_already(provider, one_at_a_time):
    made = Lanes()
    put(made, ONE, "first", "second", "third")
    provider.wait_for(1)
    put(made, ONE, "out", kind=Kind.OPT_OUT)
    provider.let_all_go()
    assert taken(made, 4) == ["first", "out", "second", "third"]


def test_an_account_found_at_fault_is_left_alone_until_it_is_opened_again(provider, one_at_a_time):
    made = Lanes()
    provider.fails, provider.holds = {ONE}, False
    put(made, ONE, "a", "b")
    put(made, OTHER, "c", "d")
    assert sorted(taken(made, 3)) == ["a", "c", "d"]
    assert made.room(ONE) == 0
    assert [call.changes[0].identity for call in made.reopen(ONE)] == ["b"]
    assert not made.is_busy
    put(made, ONE, "e")
    assert taken(made, 1) == ["e"]


def test_what_was_not_begun_is_given_back_and_never_made(provider, one_at_a_time):
    made = Lanes()
    put(made, ONE, "a", "b", "c")
    provider.wait_for(1)
    assert [call.changes[0].identity for call in made.empty()] == ["b", "c"]
    provider.let_all_go()
    assert taken(made, 1) == ["a"]
    assert not made.is_busy


def test_with_too_few_threads_nobody_waits_behind_anothers_backlog(provider, monkeypatch):
    monkeypatch.setattr(lanes, "THREADS_MAX", 2)
    made = Lanes()
    put(made, ONE, "a", "b", "c", "d")
    provider.wait_for(2)
    put(made, OTHER, "e")
    provider.let_go.release()
    provider.wait_for(1)
    assert provider.told[-1] == (OTHER, "e")

"""What threads hand in together: each gets its own answer, and pays for nobody else's fault."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from providers.gathering import Gathering

PATIENCE = 10.0


class Counter:
    """Hands in by doubling. The first hand is held until `let_go`; then `arrived` may be many."""

    def __init__(self) -> None:
        self.hands: list[list[int]] = []
        self.is_held = threading.Event()
        self.may_go = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.hands.append(list(items))
        if len(self.hands) == 1:
            self.is_held.set()
            assert self.may_go.wait(PATIENCE)
        if 13 in items:
            raise ValueError("thirteen")
        return [2 * item for item in items]


def behind_one_another(counter: Counter, most: int, items: Sequence[int]) -> list[Future[int]]:
    """The first is held at the counter until all others wait for their turn."""
    gathering = Gathering(counter, most)
    with ThreadPoolExecutor(len(items)) as pool:
        first = pool.submit(gathering, items[0])
        assert counter.is_held.wait(PATIENCE)
        rest = [pool.submit(gathering, item) for item in items[1:]]
        while len(gathering._waiting) < len(rest):
            threading.Event().wait(0.001)
        counter.may_go.set()
    return [first, *rest]


def test_who_is_alone_hands_in_at_once():
    counter = Counter()
    counter.may_go.set()
    assert Gathering(counter, 4)(21) == 42
    assert counter.hands == [[21]]


def test_those_who_wait_go_in_together_and_each_gets_its_own_answer():
    counter = Counter()
    answers = behind_one_another(counter, 16, [1, 2, 3, 4])
    assert [future.result() for future in answers] == [2, 4, 6, 8]
    assert [sorted(hand) for hand in counter.hands] == [[1], [2, 3, 4]]


def test_no_more_go_in_together_than_may():
    counter = Counter()
    answers = behind_one_another(counter, 2, [1, 2, 3, 4, 5, 6])
    assert [future.result() for future in answers] == [2, 4, 6, 8, 10, 12]
    assert max(map(len, counter.hands)) == 2


def test_one_that_fails_is_nobody_elses_fault():
    counter = Counter()
    first, good, bad, other = behind_one_another(counter, 16, [1, 2, 13, 4])
    assert [first.result(), good.result(), other.result()] == [2, 4, 8]
    with pytest.raises(ValueError, match="thirteen"):
        bad.result()


def test_after_a_failure_the_next_is_handed_in_as_ever():
    counter = Counter()
    counter.may_go.set()
    gathering = Gathering(counter, 4)
    with pytest.raises(ValueError, match="thirteen"):
        gathering(13)
    assert gathering(1) == 2
    assert counter.hands == [[13], [1]]

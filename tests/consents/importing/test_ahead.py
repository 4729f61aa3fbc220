"""Taking from an iterator a few items ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from consents.importing.ahead import AHEAD, ReadAhead
from tests.consents.parallel import wait_until


def ours() -> set[threading.Thread]:
    return set(threading.enumerate())


def test_items_come_in_their_order_out_of_another_thread() -> None:
    threads = set()

    def items() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.current_thread())
            yield number

    with ReadAhead(items()) as taken:
        assert list(taken) == list(range(20))
    assert threads.isdisjoint({threading.current_thread()})
    assert threads.isdisjoint(ours())


def test_only_a_few_are_made_before_they_are_taken() -> None:
    made: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    with ReadAhead(items()) as taken:
        next(taken)
        # One is taken, and one waits for its place.
        wait_until(lambda: len(made) == AHEAD + 2)
        assert list(taken) == list(range(1, 20))


def test_what_making_one_raises_is_raised_where_it_is_missed() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise InterruptedError

    with ReadAhead(items()) as taken:
        assert next(taken) == 1
        with pytest.raises(InterruptedError):
            next(taken)


@pytest.mark.parametrize("taking", [0, 1, 5])
def test_whoever_leaves_early_leaves_no_thread_behind(taking: int) -> None:
    before = ours()
    with suppress(InterruptedError), ReadAhead(iter(range(1000))) as taken:
        assert [next(taken) for _ in range(taking)] == list(range(taking))
        raise InterruptedError
    assert ours() == before

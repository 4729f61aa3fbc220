"""What several threads hand in at once goes in together: one statement, one wait for the disk."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_UNANSWERED: Final = object()


class _Place(Generic[Item]):
    """One thread's item, waiting for its turn."""

    __slots__ = ("answer", "is_taken", "item")

    def __init__(self, item: Item) -> None:
        self.item = item
        self.is_taken = False
        self.answer: object = _UNANSWERED


class Gathering(Generic[Item, Answer]):
    """Called with an item, answers as `hand_in([item])[0]` would, and raises what that raises.

    One thread at a time hands in; who comes meanwhile waits, and the next takes along all who do.
    Nobody waits for company: a thread that is alone hands in at once. Where several were handed in
    together and that failed, each goes once more alone, so one's fault is nobody else's.
    `hand_in` answers in the order of its items, and must bear being given one twice.
    """

    def __init__(self, hand_in: Callable[[Sequence[Item]], Sequence[Answer]], most: int) -> None:
        self._hand_in = hand_in
        self._most = most
        self._waiting: deque[_Place[Item]] = deque()
        self._turn = threading.Lock()

    def __call__(self, item: Item) -> Answer:
        place = _Place(item)
        self._waiting.append(place)
        with self._turn:
            while not place.is_taken:
                self._take()
        if place.answer is _UNANSWERED:
            return self._hand_in([item])[0]
        return place.answer  # type: ignore[return-value]  # it came from hand_in

    def _take(self) -> None:
        places = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
        for place in places:
            place.is_taken = True
        try:
            answers = self._hand_in([place.item for place in places])
        except Exception:
            if len(places) == 1:
                raise
            return
        for place, answer in zip(places, answers, strict=True):
            place.answer = answer

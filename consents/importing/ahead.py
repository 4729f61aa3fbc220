"""Takes from an iterator in a thread of its own: the database works while Python reads."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Queue
from threading import Event, Thread
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

AHEAD: Final = 2


class ReadAhead(Generic[Item]):
    """A context in which to take items, of which AHEAD are made while one is worked on.

    What making one raises is raised where it would have been taken. The thread has ended when the
    context has.
    """

    def __init__(self, items: Iterator[Item]) -> None:
        self._items = items
        self._ready: Queue[Item | BaseException | None] = Queue(AHEAD)
        self._stop = Event()
        self._thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Iterator[Item]:
        self._thread.start()
        return self._taken()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            if not self._ready.empty():
                self._ready.get()
            self._thread.join(0.01)

    def _read(self) -> None:
        try:
            for item in self._items:
                self._ready.put(item)
                if self._stop.is_set():
                    return
            self._ready.put(None)
        except BaseException as error:
            self._ready.put(error)

    def _taken(self) -> Iterator[Item]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

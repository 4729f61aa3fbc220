"""The most memory that processes have had: the kernel's high-water mark (`VmHWM`), Linux only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

_EVERY_SECONDS = 0.05
_HIGH_WATER = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(slots=True)
class Peaks:
    """The marks of one process and all it has started, in MB, by process."""

    by_process: dict[int, float] = field(default_factory=dict)

    @property
    def largest(self) -> float | None:
        return max(self.by_process.values(), default=None)

    @property
    def together(self) -> float | None:
        """What all of them would have taken, had each been at its mark at once."""
        return sum(self.by_process.values()) if self.by_process else None

    def look(self, pid: int) -> None:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            for one in [process, *process.children(recursive=True)]:
                if (mark := _high_water(one.pid)) is not None:
                    self.by_process[one.pid] = mark


@contextmanager
def watched(pid: int) -> Iterator[Peaks]:
    """Looks at the process and its children often enough to see them before they end."""
    peaks, done = Peaks(), Event()
    watcher = Thread(target=_watch, args=(pid, peaks, done), daemon=True)
    watcher.start()
    try:
        yield peaks
    finally:
        done.set()
        watcher.join()


def _watch(pid: int, peaks: Peaks, done: Event) -> None:
    peaks.look(pid)
    while not done.wait(_EVERY_SECONDS):
        peaks.look(pid)
    peaks.look(pid)


def _high_water(pid: int) -> float | None:
    with suppress(OSError):
        if found := _HIGH_WATER.search(Path(f"/proc/{pid}/status").read_text()):
            return int(found[1]) * 1024 / 1e6
    return None

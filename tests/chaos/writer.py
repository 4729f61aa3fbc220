"""People who opt in and out without end: `python -m tests.chaos.writer FILE THREADS NUMBERS`.

Each write carries an evidence id of its own. FILE gets a line `tried ID` before it and `kept ID`
when it has been acknowledged. SIGTERM ends it after the writes under way.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
import uuid
from pathlib import Path
from typing import TextIO

BETWEEN_WRITES = 0.06
AFTER_AN_ERROR = 0.3


def main(path: str, threads: int, numbers: int) -> None:
    import django

    django.setup()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Path(path).open("a") as file:
        write = Writers(file, numbers)
        people = [threading.Thread(target=write.until, args=(stop, n)) for n in range(threads)]
        for person in people:
            person.start()
        for person in people:
            person.join()


class Writers:
    def __init__(self, file: TextIO, numbers: int) -> None:
        self._file, self._numbers, self._lock = file, numbers, threading.Lock()

    def until(self, stop: threading.Event, seed: int) -> None:
        from django.db import Error, close_old_connections

        chance = random.Random(seed)
        while not stop.wait(BETWEEN_WRITES):
            mark = str(uuid.uuid4())
            self._note("tried", mark)
            try:
                record(chance, mark, self._numbers)
            except Error:
                close_old_connections()
                stop.wait(AFTER_AN_ERROR)
            else:
                self._note("kept", mark)

    def _note(self, word: str, mark: str) -> None:
        with self._lock:
            self._file.write(f"{word} {mark}\n")
            self._file.flush()


def record(chance: random.Random, mark: str, numbers: int) -> None:
    from consents import ledger

    ledger.record(
        "default",
        action=chance.choice(["opt_in", "opt_out"]),
        channel="WHATSAPP",
        identity=f"447700900{chance.randrange(numbers):03}",
        source="WEB",
        evidence={"mark": mark},
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

"""A whole installation under load: its workers and its PostgreSQL are killed, over and over."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from config.home import BASE
from config.services import Running, Service
from tests.chaos import books
from tests.chaos.books import Call, Line
from tests.config.servers import Installation, installation
from tests.providers.sandbox_client import call as http_call

pytestmark = pytest.mark.chaos

KILLS = 10
NUMBERS = 200
WRITERS = 3
BETWEEN_KILLS = 5.0
CALM_WITHIN = 240.0
"""A lease of a minute, the sweep that frees it, the last pause, the once more a minute later."""

RIGHT_WITHIN = 120.0
PROVIDERS = ("pepipost", "sinch_conversation", "sinch_whatsapp")
FAULTS: list[dict[str, Any]] = [
    {"fault": "drop_after_applying", "probability": 0.01},
    {"fault": "drop_before_applying", "probability": 0.01},
    {"fault": "status", "status": 503, "probability": 0.01},
    {"fault": "lands_late", "seconds": 5, "actions": ["opt_in"], "probability": 0.03},
    {"fault": "slow", "seconds": 0.4, "probability": 0.3},
]

_pause = threading.Event()


class Run:
    """The installation, a second worker beside its own, and people who write."""

    def __init__(self, server: Installation, second: Running) -> None:
        self.server, self.second = server, second
        self.url = f"http://127.0.0.1:{server.environment['SANDBOX_PORT']}"
        self.chance = random.Random(5)
        self.killed: Counter[str] = Counter()

    def ask(self, method: str, path: str, content: object = None) -> Any:
        return http_call(self.url, method, f"/sandbox/{path}", content, timeout=30).json()

    def query(self, statement: str) -> list[tuple[Any, ...]]:
        with self.server.cluster.connect() as connection:
            return connection.execute(statement).fetchall()

    def lines(self) -> list[Line]:
        return [Line(*row) for row in self.query(books.LINES)]

    def log(self) -> list[dict[str, Any]]:
        return list(self.ask("GET", "calls")["calls"])

    def books_are_right(self) -> bool:
        expected, state = books.last_words(self.lines()), self.ask("GET", "state")
        return all(state[provider] == expected for provider in PROVIDERS)

    def is_calm(self) -> bool:
        return self.query(books.OPEN_ROWS) == [(0,)]

    def is_busy(self) -> bool:
        """Whether some call is under way just now."""
        recent = self.ask("GET", f"calls?since={max(0, self._count() - 50)}")["calls"]
        return any(call["finished_monotonic"] is None for call in recent)

    def _count(self) -> int:
        return int(self.ask("GET", "calls?since=100000000")["count"])

    def wait_until(self, condition: Any, seconds: float) -> float:
        """Seconds it took; looks after the second worker meanwhile."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            self.second.look_after()
            with suppress(psycopg.Error, OSError):
                if condition():
                    return time.monotonic() - begun
            _pause.wait(0.2)
        raise AssertionError(f"not within {seconds:.0f} s\n{self.server.output[-2000:]}")

    def wait(self, seconds: float) -> None:
        with suppress(AssertionError):
            self.wait_until(lambda: False, seconds)

    def kill_a_worker(self) -> None:
        """In mid-call; its own supervisor, or ours, brings it back."""
        self.wait_until(lambda: self.workers() and self.is_busy(), 60)
        victim = self.chance.choice(self.workers())
        victim.send_signal(signal.SIGKILL)
        self.killed["worker"] += 1

    def workers(self) -> list[psutil.Process]:
        found = self.server.children("worker")
        found = [one for one in found if one.cmdline()[-1:] == ["worker"]]
        if self.second.process and self.second.process.poll() is None:
            found.append(psutil.Process(self.second.process.pid))
        return found

    def kill_postgres(self) -> None:
        self.wait_until(self.server.cluster.answers, 60)
        os.kill(self.server.postmaster(), signal.SIGKILL)
        self.killed["postgres"] += 1


@contextmanager
def running(home: Path) -> Iterator[Run]:
    with installation(home) as server:
        server.start()
        second = Running(Service("second worker", (sys.executable, "manage.py", "worker")))
        second.start()
        try:
            yield Run(server, second)
        finally:
            second.stop()


@contextmanager
def writing(file: Path) -> Iterator[None]:
    words = [sys.executable, "-m", "tests.chaos.writer", str(file), str(WRITERS), str(NUMBERS)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    process = subprocess.Popen(words, cwd=BASE, env=environment, stdin=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, "the writers gave up"
    finally:
        process.terminate()
        process.wait(30)


def marks(file: Path) -> tuple[set[str], set[str]]:
    """Those tried and those acknowledged."""
    noted = [line.split() for line in file.read_text().splitlines()]
    by_word = {
        word: {mark for noted_word, mark in noted if noted_word == word}
        for word in ("tried", "kept")
    }
    return by_word["tried"], by_word["kept"]


def make_trouble(run: Run) -> None:
    for fault in FAULTS:
        run.ask("POST", "faults", fault)
    for number in range(2 * KILLS):
        run.wait(BETWEEN_KILLS)
        run.kill_postgres() if number % 2 else run.kill_a_worker()
    run.wait(BETWEEN_KILLS)


def longest_late(run: Run, log: list[dict[str, Any]]) -> float:
    about: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for call in log:
        for number in call["numbers"]:
            about[call["provider"], number].append(call)
    seconds = [0.0]
    for (provider, number), calls in about.items():
        history = run.ask("GET", f"state/{provider}/{number}")["history"]
        seconds.append(books.longest_overwritten(history, calls).total_seconds())
    return max(seconds)


def test_through_twenty_kills_no_write_is_lost_and_no_opt_in_follows_a_newer_opt_out(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is asserted, once the faults are off and nobody writes any more:

    every acknowledged write is a line of the ledger, once, and no other line is there twice;
    each provider holds, within two minutes, what each person said last;
    the calls about each number reached each provider in the order of the ledger's lines, in the
    order of the outbox's rows where calls name their row (Sinch Conversation), and no opt-in was
    claimed after a newer opt-out had been: so none was sent after one;
    an opt-in that landed late, by the provider's own book, was overwritten within two minutes.
    """
    monkeypatch.setenv("OPTBOOK_HOME", str(home))
    noted = home / "writes"
    with running(home) as run:
        with writing(noted):
            make_trouble(run)
        run.ask("DELETE", "faults")
        right_after = run.wait_until(run.books_are_right, RIGHT_WITHIN)
        calm_after = run.wait_until(run.is_calm, CALM_WITHIN)
        assert run.books_are_right()

        lines, log = run.lines(), run.log()
        tried, kept = marks(noted)
        times = Counter(line.mark for line in lines)
        assert kept <= times.keys() <= tried
        assert set(times.values()) == {1}

        calls: list[Call] = books.calls_in(log)
        assert books.sent_out_of_order(lines, calls) == []
        assert run.query(books.CLAIMED_TOO_LATE) == [(0,)]
        assert books.rows_out_of_order(log, dict(run.query(books.ROWS))) == []
        late = longest_late(run, log)
        assert late <= 120
        assert run.query("SELECT count(*) FROM providers_providersync WHERE status = 'failed'") == [
            (0,)
        ]
        assert run.killed == {"worker": KILLS, "postgres": KILLS}
        figures = {
            "kills": dict(run.killed),
            "writes tried": len(tried),
            "writes acknowledged": len(kept),
            "lines": len(lines),
            "calls": len(log),
            "numbers told": len(calls),
            "calls by fault": dict(Counter(call["fault"] for call in log if call["fault"])),
            "sent once more": run.query(
                "SELECT count(*) FROM providers_providersync WHERE is_resend"
            )[0][0],
            "books right after (s)": round(right_after, 1),
            "outbox calm after (s)": round(calm_after, 1),
            "late opt-in stood at most (s)": round(late, 1),
        }
        with capsys.disabled():
            print("\n" + json.dumps(figures, indent=2))  # noqa: T201 - the figures are the result

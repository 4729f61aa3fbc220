"""Several at once, on connections or in processes of their own, with real transactions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import connection

from config.cluster import APPLICATION
from tests.conftest import CLUSTER

PATIENCE = 20.0

Work = Callable[[], Any]


class Worker(threading.Thread):
    """Does its work on a connection of its own; `result` is what came of it, or the error."""

    def __init__(self, work: Work, start: threading.Barrier | None = None) -> None:
        super().__init__(daemon=True)
        self.result: Any = None
        self._work = work
        self._start = start or threading.Barrier(1)

    def run(self) -> None:
        try:
            connection.ensure_connection()
            self._start.wait(PATIENCE)
            self.result = self._work()
        except Exception as error:
            self.result = error
            self._start.abort()
        finally:
            connection.close()

    def finish(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "It hangs."
        return self.result


def attempt_at_once(*works: Work) -> list[Any]:
    """What came of each, errors among them."""
    start = threading.Barrier(len(works))
    workers = [Worker(work, start) for work in works]
    for worker in workers:
        worker.start()
    return [worker.finish() for worker in workers]


def at_once(*works: Work) -> list[Any]:
    results = attempt_at_once(*works)
    errors = [result for result in results if isinstance(result, Exception)]
    assert errors == []
    return results


def is_somebody_waiting() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY("
            "pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "It never came to pass."


def database_url() -> str:
    """For a process of its own on the test's database."""
    database = connection.settings_dict
    return f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"


def backend() -> int:
    """The server's process for this connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def lose_the_connection() -> None:
    """The server ends it, as when it is restarted."""
    # Only a session of the same role may.
    with CLUSTER.connect(APPLICATION, connection.settings_dict["NAME"]) as killer:
        killer.execute("SELECT pg_terminate_backend(%s, 5000)", [backend()])

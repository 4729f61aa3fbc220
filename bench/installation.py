"""An installation as `script/server` runs one, in a home and on loopback ports of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from bench.environment import LOCK
from bench.load import UnfitError
from config import embedded, leftovers, services, supervisor
from config.cluster import APPLICATION, SUPERUSER
from config.home import BASE
from config.services import Running, Service

if TYPE_CHECKING:
    from django.conf import LazySettings

READY_WITHIN = 60.0
SECRETS = "secrets.env"
"""Made when the settings were read, before anything is set up."""


class Installation:
    """PostgreSQL (durable, as it is delivered) and, as they are asked for, web, worker, sandbox."""

    def __init__(self, settings: LazySettings) -> None:
        self._settings = settings
        self._home = Path(settings.OPTBOOK_HOME)
        self._notes = self._home / "server.json"
        self._running: list[Running] = []
        self.cluster = settings.CLUSTER
        self.port: int = settings.PORT
        self.sandbox_port: int = settings.SANDBOX_PORT

    def set_up(self) -> None:
        """Begins from nothing: what a killed run left is ended and deleted."""
        leftovers.end(self._notes)
        self._clear(but={LOCK, SECRETS})
        embedded.ensure(self.cluster)
        supervisor.manage("migrate", "--noinput", "-v0")

    def tear_down(self) -> None:
        """Ends all that was started, and deletes it."""
        for running in reversed(self._running):
            running.stop()
        self._clear(but={LOCK})

    @contextmanager
    def run(self, name: str) -> Iterator[Running]:
        """`web`, `worker` or `sandbox`, started as `script/server` does, for as long as needed."""
        [service] = [one for one in services.for_installation(self._settings) if one.name == name]
        running = _Logged(service, self._home / f"{name}.log")
        running.start()
        self._running.append(running)
        self._note()
        try:
            self._wait_for(running, {"web": self.port, "sandbox": self.sandbox_port}.get(name))
            yield running
        finally:
            running.stop()
            self._running.remove(running)
            self._note()

    def connect(self, role: str = APPLICATION) -> psycopg.Connection[Any]:
        """In autocommit, as the application unless another role is named."""
        return self.cluster.connect(role)

    def value(self, query: str, *values: object) -> Any:
        """The one value that a query answers with; None when it finds no row."""
        with self.connect() as connection:
            row = connection.execute(query.encode(), values).fetchone()
        return row[0] if row else None

    def settle_down(self) -> None:
        """What was written lately is on disk and known to the planner, as after a quiet night."""
        with self.connect(SUPERUSER) as connection:
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")

    def last_words(self) -> str:
        """The end of what each program has printed."""
        logs = {path.stem: path.read_text(errors="replace") for path in self._home.glob("*.log")}
        return "\n".join(f"{name}: {said[-1500:].strip()}" for name, said in logs.items() if said)

    def _wait_for(self, running: Running, port: int | None) -> None:
        give_up_at = time.monotonic() + READY_WITHIN
        while port and not self._answers(running.service.name, port):
            ended = running.process is None or running.process.poll() is not None
            if ended or time.monotonic() > give_up_at:
                raise UnfitError(f"{running.service.name} did not start")
            time.sleep(0.1)

    def _answers(self, name: str, port: int) -> bool:
        if name == "web":
            return supervisor.is_ready(self._settings)
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        return False

    def _note(self) -> None:
        leftovers.note(self._notes, (one.pid for one in self._running if one.pid))

    def _clear(self, but: Collection[str]) -> None:
        embedded.stop(self.cluster)
        for path in self._home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in but:
                path.unlink()


class _Logged(Running):
    """What it prints goes to a file: the benchmark's own output is the table."""

    def __init__(self, service: Service, log: Path) -> None:
        super().__init__(service)
        self._log = log

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.service.command,
                cwd=BASE,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

"""An installation as `script/server` runs one, in a home and on loopback ports of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from django import db
from django.conf import UserSettingsHolder

from bench.environment import LOCK, free_port
from bench.load import UnfitError
from config import embedded, leftovers, services, supervisor
from config.cluster import APPLICATION, DATABASE, SUPERUSER
from config.home import BASE
from config.services import Running, Service

if TYPE_CHECKING:
    from django.conf import LazySettings

READY_WITHIN = 60.0
_COPY = "optbook_copy"
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

    def run(self, name: str) -> AbstractContextManager[Running]:
        """`web`, `worker` or `sandbox`, started as `script/server` does, for as long as needed."""
        return self._run(name, self._settings, self._home / f"{name}.log", {})

    @contextmanager
    def copy(self) -> Iterator[int]:
        """The book as it is now, kept beside the one that goes on: the port of its web server.

        Ends this process's own connections: nobody may use what is copied.
        """
        disconnect()
        self._as_superuser(f"CREATE DATABASE {_COPY} TEMPLATE {DATABASE}")
        settings = UserSettingsHolder(self._settings)
        settings.PORT = free_port()
        environment = {
            "PORT": str(settings.PORT),
            "DATABASE_URL": self.cluster.url(database=_COPY),
        }
        try:
            with self._run("web", settings, self._home / "copy.log", environment):
                yield settings.PORT
        finally:
            self._as_superuser(f"DROP DATABASE {_COPY} WITH (FORCE)")

    @contextmanager
    def _run(
        self, name: str, settings: Any, log: Path, environment: Mapping[str, str]
    ) -> Iterator[Running]:
        [service] = [one for one in services.for_installation(settings) if one.name == name]
        running = _Logged(service, log, environment)
        running.start()
        self._running.append(running)
        self._note()
        try:
            self._wait_for(running, settings)
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

    def _as_superuser(self, statement: str) -> None:
        """Beside the database of the book, which it may be about."""
        with self.cluster.connect(SUPERUSER, "postgres") as connection:
            connection.execute(statement.encode())

    def _wait_for(self, running: Running, settings: Any) -> None:
        give_up_at = time.monotonic() + READY_WITHIN
        while not _answers(running.service.name, settings):
            ended = running.process is None or running.process.poll() is not None
            if ended or time.monotonic() > give_up_at:
                raise UnfitError(f"{running.service.name} did not start")
            time.sleep(0.1)

    def _note(self) -> None:
        leftovers.note(self._notes, (one.pid for one in self._running if one.pid))

    def _clear(self, but: Collection[str]) -> None:
        embedded.stop(self.cluster)
        for path in self._home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name not in but:
                path.unlink()


def disconnect() -> None:
    """End this process's own connections to the book."""
    db.connection.close()
    db.connection.close_pool()  # type: ignore[attr-defined]


def _answers(name: str, settings: Any) -> bool:
    """A worker answers nobody, and is as good as there."""
    if name == "web":
        return supervisor.is_ready(settings)
    if name == "sandbox":
        address = ("127.0.0.1", settings.SANDBOX_PORT)
        with suppress(OSError), socket.create_connection(address, timeout=1):
            return True
        return False
    return True


class _Logged(Running):
    """What it prints goes to a file: the benchmark's own output is the table."""

    def __init__(self, service: Service, log: Path, environment: Mapping[str, str]) -> None:
        super().__init__(service)
        self._log = log
        self._environment = {**os.environ, **environment}

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.service.command,
                cwd=BASE,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

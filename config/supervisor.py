"""`script/server`: sets an installation up and keeps its processes running until told to stop."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, NoReturn

from config import embedded, leftovers, locking, services
from config.cluster import EmbeddedError
from config.home import BASE
from config.services import Running

if TYPE_CHECKING:
    from django.conf import LazySettings

_TICK = 0.2
_DATABASE_EVERY = 1.0
_READY_WITHIN = 60.0


class Supervisor:
    """One for each home: it alone starts and stops what runs there, PostgreSQL too."""

    def __init__(self, settings: LazySettings) -> None:
        self.settings = settings
        self.running = [Running(service) for service in services.for_installation(settings)]
        self.stopping = False
        self._look_at_database_at = 0.0
        self._notes = settings.OPTBOOK_HOME / "server.json"

    def run(self) -> None:
        """Set up, serve, and on SIGTERM or SIGINT stop everything, PostgreSQL last."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup ignores it, and may
            signal.signal(signal.SIGHUP, self._on_signal)
        try:
            self._set_up()
            self._serve()
        finally:
            self._stop()

    def _set_up(self) -> None:
        if left := leftovers.end(self._notes):
            say(f"ended {left} programs that an earlier start had left running")
        for port in self._ports():
            refuse_taken(self.settings.BIND if port == self.settings.PORT else "127.0.0.1", port)
        if self.settings.EMBEDDED:
            embedded.ensure(self.settings.CLUSTER)
        for words in self._set_up_commands():
            if not self.stopping:
                manage(*words)

    def _ports(self) -> list[int]:
        sandbox = [self.settings.SANDBOX_PORT] if self.settings.SANDBOX else []
        return [self.settings.PORT, *sandbox]

    def _set_up_commands(self) -> list[tuple[str, ...]]:
        collect = [("collectstatic", "--noinput", "-v0")] if self.settings.PRODUCTION else []
        return [("migrate", "--noinput", "-v0"), *collect, ("set_up",)]

    def _serve(self) -> None:
        for running in self.running:
            if not self.stopping:
                running.start()
                self._note()
        say(_whereabouts(self.settings))
        ready_by: float | None = time.monotonic() + _READY_WITHIN
        while not self.stopping:
            if ready_by and (is_ready(self.settings) or time.monotonic() > ready_by):
                say("Optbook is ready. Ctrl-C stops it." if time.monotonic() < ready_by else _LATE)
                ready_by = None
            self._step()
            time.sleep(_TICK)

    def _step(self) -> None:
        self._look_after_database()
        for running in self.running:
            if event := running.look_after():
                say(event)
                self._note()

    def _look_after_database(self) -> None:
        if not self.settings.EMBEDDED or time.monotonic() < self._look_at_database_at:
            return
        self._look_at_database_at = time.monotonic() + _DATABASE_EVERY
        if self.settings.CLUSTER.answers():
            return
        say("PostgreSQL does not answer; starting it")
        try:
            embedded.ensure(self.settings.CLUSTER, deadline=15)
            say("PostgreSQL answers again")
        except EmbeddedError as error:
            say(str(error))

    def _note(self) -> None:
        try:
            leftovers.note(self._notes, (running.pid for running in self.running if running.pid))
        except OSError as error:  # a full disk should not stop what runs
            say(f"Cannot write {self._notes}: {error.strerror}")

    def _stop(self) -> None:
        for running in reversed(self.running):
            running.stop()
        if self.settings.EMBEDDED:
            embedded.stop(self.settings.CLUSTER)
        self._notes.unlink(missing_ok=True)
        say("Optbook has stopped.")

    def _on_signal(self, number: int, frame: object) -> None:
        if self.stopping:  # asked twice: at once, then
            for running in self.running:
                if running.pid:
                    services.end_group(running.pid, signal.SIGKILL)
            return
        self.stopping = True
        say("stopping")


_LATE = "The web server is not ready yet; /readyz says what is missing."


def _whereabouts(settings: LazySettings) -> str:
    host = _host(settings)
    web = f"http://[{host}]:{settings.PORT}" if ":" in host else f"http://{host}:{settings.PORT}"
    lines = [
        f"  web       {web}  (staff: {web}/admin/)",
        f"  sandbox   http://127.0.0.1:{settings.SANDBOX_PORT}" if settings.SANDBOX else "",
        f"  database  {'PostgreSQL of our own' if settings.EMBEDDED else 'DATABASE_URL'}",
        f"  home      {settings.OPTBOOK_HOME}",
    ]
    return "\n".join(["Optbook starts", *filter(None, lines)])


def _host(settings: LazySettings) -> str:
    """Where to ask for the web server from here."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  names them, listens nowhere
    return everywhere.get(settings.BIND, settings.BIND)


def say(text: str) -> None:
    with suppress(OSError):  # nobody need be listening
        print(text, flush=True)


def manage(*words: str) -> None:
    """Runs a command of manage.py; what it prints is shown. Ends the start when it fails."""
    command = [sys.executable, str(BASE / "manage.py"), *words]
    done = subprocess.run(
        command, cwd=BASE, stdin=subprocess.DEVNULL, start_new_session=True, check=False
    )
    if done.returncode:
        fail(f"`manage.py {words[0]}` failed; the reason stands above.")


def refuse_taken(host: str, port: int) -> None:
    """Ends the start when somebody listens at the port already."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            fail(
                f"Cannot serve on {host}:{port}: {os.strerror(error.errno or 0)}. Another program "
                "has it, perhaps another Optbook. Set PORT (or SANDBOX_PORT) to a free one."
            )


def is_ready(settings: LazySettings) -> bool:
    connection = http.client.HTTPConnection(_host(settings), settings.PORT, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def fail(reason: str) -> NoReturn:
    raise SystemExit(f"Optbook cannot start: {reason}")


def take_home(settings: LazySettings) -> IO[str]:
    """The lock that one supervisor holds of a home. Ends the start when another has it."""
    path = settings.OPTBOOK_HOME / "server.lock"
    lock = locking.take(path)
    if lock is None:
        fail(
            f"it already runs from {settings.OPTBOOK_HOME} (process {path.read_text().strip()}). "
            "Stop that one, or set OPTBOOK_HOME to another directory for a second installation."
        )
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings

    try:
        with take_home(settings):
            Supervisor(settings).run()
    except (EmbeddedError, OSError) as error:
        fail(str(error))


if __name__ == "__main__":
    main()

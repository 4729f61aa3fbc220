"""The processes of an installation: how each is started, and how it is ended with all its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from config import sandbox_callbacks
from config.home import BASE

if TYPE_CHECKING:
    from django.conf import LazySettings

GRACE = 25.0  # seconds; a worker's call to a provider may take 15
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_HEALTHY_AFTER = 30.0


@dataclass(frozen=True)
class Service:
    """A program that is to run all the time."""

    name: str
    command: tuple[str, ...]


def for_installation(settings: LazySettings) -> list[Service]:
    """Sandbox, worker and web, in the order of starting; the last started stops first."""
    port = f"--port={settings.SANDBOX_PORT}"
    sandbox = _manage("provider_sandbox", port, *sandbox_callbacks.options(settings))
    services = [Service("sandbox", sandbox)] if settings.SANDBOX else []
    return [*services, Service("worker", _manage("worker")), Service("web", _granian(settings))]


def _manage(*words: str) -> tuple[str, ...]:
    return (sys.executable, str(BASE / "manage.py"), *words)


def _granian(settings: LazySettings) -> tuple[str, ...]:
    return (
        *(sys.executable, "-m", "granian", "config.wsgi:application"),
        *("--interface", "wsgi", "--no-ws"),
        *("--host", settings.BIND, "--port", str(settings.PORT)),
        *("--workers", str(settings.WEB_WORKERS), "--blocking-threads", str(settings.WEB_THREADS)),
        # Without it the server ends with the first worker that is killed.
        *("--respawn-failed-workers", "--respawn-interval", "0.5"),
        *("--workers-kill-timeout", "20", "--log-level", "warning"),
    )


class Running:
    """A service and its present process, restarted with growing pauses when it dies.

    Each process leads a group of its own: Ctrl-C in the terminal reaches the supervisor alone,
    and what a dead one leaves behind can be ended by the group.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_again_at = 0.0
        self._pause = _FIRST_PAUSE

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.service.command, cwd=BASE, stdin=subprocess.DEVNULL, start_new_session=True
        )
        self._started_at = time.monotonic()

    def look_after(self) -> str | None:
        """One step: notices a death, or starts again what waited; says what it did, if anything."""
        if self.process is None:
            if time.monotonic() < self._start_again_at:
                return None
            self.start()
            return f"{self.service.name}: started again (process {self.pid})"
        status = self.process.poll()
        return None if status is None else self._bury(status)

    def _bury(self, status: int) -> str:
        end_group(self._require_pid(), signal.SIGKILL)
        self.process = None
        if time.monotonic() - self._started_at > _HEALTHY_AFTER:
            self._pause = _FIRST_PAUSE
        self._start_again_at = time.monotonic() + self._pause
        text = f"{self.service.name}: ended ({_reason(status)}), again in {self._pause:g} s"
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        return text

    def ask_to_stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def stop(self, grace: float = GRACE) -> None:
        """Ends it: politely, and after `grace` seconds by force, with all it started."""
        if self.process is None:
            return
        self.ask_to_stop()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(grace)
        end_group(self._require_pid(), signal.SIGKILL)
        self.process.wait()
        self.process = None

    def _require_pid(self) -> int:
        assert self.process is not None  # noqa: S101  callers have just looked
        return self.process.pid


def end_group(group: int, how: signal.Signals) -> None:
    """Signals every process of the group; nothing happens when none is left."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, how)


def _reason(status: int) -> str:
    return f"status {status}" if status >= 0 else signal.Signals(-status).name

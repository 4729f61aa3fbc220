"""`manage.py import_consents`, with one account that is owed each change."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from tempfile import NamedTemporaryFile, TemporaryFile

from django.core.management import get_commands

from bench.figures import Figure, at_least, at_most, ratio_at_least
from bench.load import UnfitError
from bench.memory import watched
from bench.people import CHANNEL
from bench.rounds import ROUNDS, median
from bench.site import ONE_ACCOUNT, Site
from config.home import BASE
from consents.defaults import DEFAULT_SENDER

_COMMAND = "import_consents"
_NAME, _MEMORY = "Import opt-ins from a file", "Import: peak memory"
_OPTIONS = (
    *("--sender", DEFAULT_SENDER, "--channel", CHANNEL),
    *("--source", "IMPORT", "--action", "opt_in", "--apply"),
)

_OPTED_IN = """
SELECT count(*) FROM consents_consent AS consent
JOIN consents_channelidentity AS identity ON identity.id = consent.identity_id
WHERE identity.lookup_key BETWEEN %s AND %s AND consent.state = 'opted_in'
"""

SLOWEST = 200
"""Rows a second below which a run is given up."""

STARTING_MAX = 60.0


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the command. `megabytes`: of it and all it started, each at its most."""

    seconds: float
    megabytes: float | None


def measure(site: Site) -> Iterator[Figure]:
    if _COMMAND not in get_commands():
        yield Figure(name=_NAME, value=None, unit="rows/s")
        yield Figure(name=_MEMORY, value=None, unit="MB")
        return
    site.fill()
    site.configure(ONE_ACCOUNT)
    size = max(1, site.options.rows // ROUNDS)
    starting = _import([]).seconds
    rates, runs = [], []
    for _ in range(ROUNDS):
        rates.append(_by_hand(site, size))
        people = site.strangers.take(size)
        runs.append(_import(people))
        _check_they_are_in(site, people)
    yield Figure(
        name=_NAME,
        # What the command takes to start is not the import's: a million rows would hide it.
        value=median(size / (run.seconds - starting) for run in runs),
        floor=median(rates),
        unit="rows/s",
        goals=(ratio_at_least(0.7), at_least(8000)),
        note=f"{ROUNDS} files of {size} rows, without {starting:.1f} s for starting",
    )
    marks = [run.megabytes for run in runs if run.megabytes is not None]
    yield Figure(name=_MEMORY, value=max(marks, default=None), unit="MB", goals=(at_most(300),))


def _by_hand(site: Site, size: int) -> float:
    """Rows a second."""
    people = site.strangers.take(size)
    with site.by_hand() as book:
        begun = time.perf_counter()
        book.opt_in(people)
        return size / (time.perf_counter() - begun)


def _check_they_are_in(site: Site, people: Sequence[str]) -> None:
    """Raises UnfitError: what was quick may have left somebody out."""
    found = site.installation.value(_OPTED_IN, people[0], people[-1])
    if found != len(people):
        raise UnfitError(f"of {len(people)} people in the file {found} are opted in")


def _import(people: Sequence[str]) -> _Run:
    with NamedTemporaryFile("w", suffix=".csv") as file, TemporaryFile() as said:
        file.write("identity\n" + "".join(f"{person}\n" for person in people))
        file.flush()
        command = (sys.executable, str(BASE / "manage.py"), _COMMAND, file.name, *_OPTIONS)
        begun = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=BASE, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        with watched(process.pid) as peaks:
            status = _wait(process, STARTING_MAX + len(people) / SLOWEST)
        seconds = time.perf_counter() - begun
        if status:
            said.seek(0)
            raise UnfitError(f"{_COMMAND} ended with {status}: {said.read()[-300:].decode()}")
    return _Run(seconds, peaks.together)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> int:
    """Its exit status; it is ended when it takes longer, or when we are."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        raise UnfitError(f"{_COMMAND} took more than {seconds:.0f} s") from None
    finally:
        process.kill()
        process.wait()

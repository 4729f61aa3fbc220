"""An import killed over and over, and two at once: no row is lost and none there twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from config.home import BASE
from consents.importing.rows import CHUNK
from consents.models import ConsentEvent, ImportChunk, ImportRun
from tests.consents.conftest import sender as sender
from tests.consents.parallel import database_url

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]

ROWS = 4 * CHUNK + 123
PATIENCE = 120.0
_pause = threading.Event()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Half of the rows say whose they are, two each; every seventh is no row."""
    file = tmp_path / "list.csv"
    with file.open("w") as writing:
        writing.write("identity,external_id,action,occurred_at\n")
        for at in range(1, ROWS + 1):
            owner = f"crm-{at // 4}" if at % 2 else ""
            action = "opt_out" if at % 3 == 0 else "opt_in"
            cells = f"person-{at},{owner},{action},2026-03-01T12:00Z"
            writing.write("broken\n" if at % 7 == 0 else f"{cells}\n")
    return file


@contextmanager
def importing(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = ("import_consents", str(path), "--apply", "--channel=telegram", "--source=CRM")
    with running(*command) as process:
        yield process


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    """A command of ours in a process of its own, which is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=BASE,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    for _ in range(int(PATIENCE / 0.02)):
        if condition():
            return
        assert process.poll() is None, process.communicate()[0]
        _pause.wait(0.02)
    raise AssertionError("it did not happen")


def rows_recorded() -> int:
    run = ImportRun.objects.first()
    return run.rows if run else 0


def is_writing() -> bool:
    """Whether somebody is in the middle of a transaction that has written something."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_xid IS NOT NULL"
        )
        return bool(cursor.fetchone()[0])


def outcome_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, said


def check_the_books() -> None:
    broken = ROWS // 7
    lines = ConsentEvent.objects.filter(origin="import")
    rows = Counter(lines.values_list("detail__evidence__import__row", flat=True))
    assert rows == Counter(at for at in range(1, ROWS + 1) if at % 7)
    run = ImportRun.objects.get()
    assert (run.rows, run.counts) == (ROWS, {"changed": ROWS - broken, "invalid": broken})
    assert run.position == run.size
    assert run.finished_at
    chunks = ImportChunk.objects.order_by("position").values_list("rows", flat=True)
    assert list(chunks) == [CHUNK] * 4 + [123]


def test_an_import_killed_in_the_middle_of_chunks_goes_on_and_ends_whole(
    sender: object, path: Path
) -> None:
    for kills in range(4):
        with importing(path) as process:
            until(lambda n=kills: rows_recorded() >= n * CHUNK and is_writing(), process)
            process.kill()
            process.wait(10)
        until_gone()
    with importing(path) as process:
        code, said = outcome_of(process)
    assert (code, "Going on behind row" in said) == (1, True)
    check_the_books()


def until_gone() -> None:
    """A killed process's connection ends when the server next speaks to it."""
    for _ in range(int(PATIENCE / 0.02)):
        if not is_writing():
            return
        _pause.wait(0.02)
    raise AssertionError("its transaction is still open")


def test_of_two_processes_with_one_file_one_goes_on_and_no_row_is_there_twice(
    sender: object, path: Path
) -> None:
    with importing(path) as first:
        until(ImportRun.objects.exists, first)
        with importing(path) as second:
            ended = [outcome_of(first), outcome_of(second)]
    stopped = [said for code, said in ended if "Somebody else is recording this import." in said]
    assert len(stopped) == 1, ended
    check_the_books()

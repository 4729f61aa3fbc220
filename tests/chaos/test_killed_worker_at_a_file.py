"""A worker killed over and over while it is at a file that staff handed in."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from consents.importing import intake
from consents.importing.columns import Manner
from consents.importing.rows import CHUNK
from consents.models import ConsentEvent, ImportFile, ImportRun, Sender
from consents.vocabulary import FileStatus
from tests.chaos.test_killed_import import (
    is_writing,
    rows_recorded,
    running,
    until,
    until_gone,
)
from tests.consents.conftest import sender as sender
from tests.consents.importing.handed_in import receive
from tests.consents.importing.lists import csv_text

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]

ROWS = 2 * CHUNK + 123
MANNER = Manner(defaults={"channel": "TELEGRAM", "source": "CRM"})


@contextmanager
def worker() -> Iterator[subprocess.Popen[str]]:
    with running("worker") as process:
        yield process
    until_gone()


def is_in(status: FileStatus) -> bool:
    return ImportFile.objects.get().status == status


def test_a_file_is_looked_at_and_recorded_whole_and_once_whoever_dies(sender: Sender) -> None:
    file = receive(sender, csv_text("identity", [f"person-{at}" for at in range(ROWS)]))
    intake.look(file, MANNER)
    with worker() as process:
        until(lambda: ImportFile.objects.get().position > 0, process)
    with worker() as process:
        until(lambda: is_in(FileStatus.CHECKED), process)
    assert ImportFile.objects.get().counts == {"new": ROWS}
    assert not ConsentEvent.objects.exists()

    intake.record(file)
    for kills in range(2):
        with worker() as process:
            until(lambda n=kills: rows_recorded() >= n * CHUNK and is_writing(), process)
    with worker() as one, worker():
        until(lambda: is_in(FileStatus.RECORDED), one)
    lines = ConsentEvent.objects.filter(origin="import")
    rows = Counter(lines.values_list("detail__evidence__import__row", flat=True))
    assert rows == Counter(range(1, ROWS + 1))
    run = ImportRun.objects.get()
    assert (run.rows, run.counts) == (ROWS, {"changed": ROWS})

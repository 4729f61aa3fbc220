"""Looks at files, and records them, in the background: a step at a time, each file by one worker.

Killed at any moment nothing is lost and nothing done twice: looking begins anew, and recording goes
on behind the last chunk that was committed. A file over which workers are killed again and again is
left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import Final

from django.db import Error, InterfaceError, OperationalError, close_old_connections, connection

from consents.errors import ConsentError
from consents.importing import applying, checking, intake, pieces, runs
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.importing.report import Sheets, tally
from consents.models import ImportFile, ImportRun
from consents.vocabulary import FileStatus

log = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0


def run(stop: Event) -> None:
    """Work on what is wanted until told to stop; survives the database's absence."""
    while not stop.is_set():
        try:
            found = step(stop)
        except (OperationalError, InterfaceError) as error:
            log.warning("Work on an import was cut short (%s).", type(error).__name__)
            close_old_connections()
            found = False
        if not found:
            stop.wait(POLL_SECONDS)
    connection.close()


def step(stop: Event) -> bool:
    """Work on the next file that nobody else works on, to its end or until told to stop.

    Whether there was one that could be worked on.
    """
    busy = ImportFile.objects.filter(status__in=[one.value for one in intake.BUSY])
    for id in list(busy.order_by("id").values_list("id", flat=True)):
        with _alone(str(id)) as is_ours:
            file = busy.select_related("sender", "run").filter(id=id).first() if is_ours else None
            if file and _take_up(file, stop):
                return True
    return False


class _NotWanted(Exception):
    """Somebody has cancelled it, or this process is to end."""


@contextmanager
def _alone(key: str) -> Iterator[bool]:
    """Whether nobody else is at it; the lock goes with the connection, so with the process too."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        [is_ours] = cursor.fetchone()
    try:
        yield is_ours
    finally:
        if is_ours:
            with suppress(Error), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def _take_up(file: ImportFile, stop: Event) -> bool:
    """Whether there was something to be done about it now."""
    if not intake.take_up(file):
        return True
    could = _work(file, stop)
    intake.put_down(file)
    return could


def _work(file: ImportFile, stop: Event) -> bool:
    """Whether it could be worked on now."""
    try:
        with pieces.opened(file) as path:
            manner = Manner(**file.manner)
            source = Source(path, manner.format, manner.delimiter)
            work = _look if file.status == FileStatus.CHECKING else _record
            work(file, source, Reader(manner, source.header), stop)
    except _NotWanted:
        return True
    except ConsentError as error:
        if error.code == "import_elsewhere":
            return False  # it ends there, or goes on here
        intake.fail(file, error)
    except (OperationalError, InterfaceError):
        raise
    except OSError:
        intake.fail(file, ConsentError("no_room", "The worker has no room for this file now."))
    except Exception as error:
        # Its words may quote a row.
        log.error("Work on the file %s failed with %s.", file.id, type(error).__name__)
        intake.fail(file, ConsentError("internal_error", "Something went wrong in Optbook itself."))
    return True


def _look(file: ImportFile, source: Source, reader: Reader, stop: Event) -> None:
    def progress(position: int) -> None:
        if stop.is_set() or not intake.wanted(file).update(position=position):
            raise _NotWanted

    with Sheets(source.header) as sheets:
        counts = tally(checking.check(file.sender, source, reader, progress), source, sheets)
        intake.looked_at(file, counts, sheets.written)


def _record(file: ImportFile, source: Source, reader: Reader, stop: Event) -> None:
    def progress(run: ImportRun) -> None:
        if run.rows > rows_before:
            intake.got_further(file)
        if stop.is_set() or not intake.wanted(file).exists():
            raise _NotWanted

    if file.run is None:
        file.run = runs.begin(
            file.sender, source, reader.manner, file.actor, again=file.is_again, name=file.name
        )
        # Before the first row: whoever goes on with this file must find the same run.
        file.save(update_fields=["run"])
    rows_before = file.run.rows
    if file.run.finished_at is None:
        applying.apply(file.run, source, reader, progress)
    intake.recorded(file)

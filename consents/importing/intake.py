"""Files handed in at the desk: what may be done with one, and when what it holds is forgotten.

The desk only notes what is wanted; the worker does it (`consents.importing.background`). Each step
is one statement that finds the file as it should stand, so of two who want something one gets it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from itertools import chain
from typing import Any, Final

from django.db import transaction
from django.db.models import F, Q, QuerySet

from consents.errors import ConsentError
from consents.importing import pieces, runs
from consents.importing.columns import Manner
from consents.importing.pieces import SOURCE
from consents.importing.verdicts import INVALID
from consents.models import ImportFile, Sender
from consents.models.base import ClockTimestamp
from consents.vocabulary import FileStatus
from consents.writing import database_clock

BUSY: Final = frozenset({FileStatus.CHECKING, FileStatus.RECORDING})
ENDED: Final = frozenset({FileStatus.RECORDED, FileStatus.CANCELLED})
OPEN: Final = frozenset(FileStatus) - ENDED
WAITING: Final = OPEN - BUSY
"""Somebody has to say how to go on."""

TO_BE_READ: Final = OPEN - {FileStatus.RECORDING}
"""Somebody may (still) say what its columns mean."""

TAKEN_UP_AT_MOST: Final = 3
"""How often a worker may be killed over a file. It has opt-outs to tell, too."""

_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")


def receive(sender: Sender, name: str, content: Iterable[bytes], actor: str) -> ImportFile:
    """Keep a file. Raises ConsentError `empty_file`, `utf16`, `not_text`."""
    content = iter(content)
    first = next(content, b"")
    _check_readable(first)
    measure = _Measure()
    with transaction.atomic():
        file = ImportFile.objects.create(
            sender=sender,
            name=name[:255],
            sha256=b"",
            actor=actor,
            received_at=database_clock(),
        )
        pieces.store(file, SOURCE, measure.each(chain([first], content)))
        file.sha256, file.size = measure.digest.digest(), measure.size
        file.save(update_fields=["sha256", "size"])
    return file


def look(file: ImportFile, manner: Manner) -> None:
    """Have it looked at, read in this manner, anew if it was before."""
    _step(
        file,
        TO_BE_READ,
        status=FileStatus.CHECKING.value,
        manner=manner.as_json(),
        position=0,
        taken_up=0,
        counts={},
        run=None,
        trouble_code="",
        trouble="",
    )


def record(file: ImportFile, *, again: bool = False) -> None:
    """Have recorded what was looked at; `again`: though it was recorded before."""
    if not again:
        check_new(file)
    _step(
        file,
        {FileStatus.CHECKED},
        status=FileStatus.RECORDING.value,
        is_again=again,
        taken_up=0,
        trouble_code="",
        trouble="",
    )


def cancel(file: ImportFile) -> None:
    """Nothing more is done with it. Rows that are recorded stay recorded."""
    with transaction.atomic():
        _step(file, OPEN, status=FileStatus.CANCELLED.value, ended_at=ClockTimestamp())
        pieces.forget(file, keep=_kept(file))


def take_up(file: ImportFile) -> bool:
    """Whether a worker may begin on it, which is counted.

    One over which workers were killed again and again is left to somebody's decision.
    """
    if file.taken_up >= TAKEN_UP_AT_MOST:
        message = (
            f"Work on this file was cut short {file.taken_up} times, and it got no further. "
            "Have the worker's log looked at before you try again."
        )
        fail(file, ConsentError("cut_short", message))
        return False
    ImportFile.objects.filter(id=file.id).update(taken_up=F("taken_up") + 1)
    return True


def put_down(file: ImportFile) -> None:
    """The worker is done with it for now, and lives."""
    ImportFile.objects.filter(id=file.id).update(taken_up=0)


def got_further(file: ImportFile) -> None:
    """The worker has recorded some of it, and has the rest in hand."""
    ImportFile.objects.filter(id=file.id).update(taken_up=1)


def looked_at(file: ImportFile, counts: Mapping[str, int], sheets: Mapping[str, Any]) -> bool:
    """Keep what came of looking; whether it was still wanted, in the manner that it was done."""
    with transaction.atomic():
        changed = wanted(file).update(
            status=FileStatus.CHECKED.value, counts=dict(counts), position=file.size
        )
        if changed:
            pieces.forget(file, keep=[SOURCE])
            for category, text in sheets.items():
                pieces.store(file, category, pieces.of(text.buffer))
    return bool(changed)


def recorded(file: ImportFile) -> None:
    """Its run has come to its end, also where somebody cancelled it in that very moment."""
    with transaction.atomic():
        ImportFile.objects.filter(
            id=file.id, status__in=[FileStatus.RECORDING.value, FileStatus.CANCELLED.value]
        ).update(status=FileStatus.RECORDED.value, ended_at=ClockTimestamp())
        pieces.forget(file, keep=_kept(file))


def fail(file: ImportFile, error: ConsentError) -> None:
    """Say what stands in the way; somebody has to decide how to go on."""
    back = FileStatus.CHECKED if error.code == "already_imported" else FileStatus.FAILED
    wanted(file).update(status=back.value, trouble_code=error.code, trouble=error.message)


def wanted(file: ImportFile) -> QuerySet[ImportFile]:
    """The file as it was when work on it began; nothing where something else is wanted now."""
    return ImportFile.objects.filter(id=file.id, status=file.status, manner=file.manner)


def check_new(file: ImportFile) -> None:
    """Raises ConsentError `already_imported`."""
    runs.check_new(file.sender, bytes(file.sha256), file.manner)


def purge_files(older_than: timedelta) -> int:
    """Delete what old files hold, which is personal; how many files that were.

    A file that nobody has decided about in that time is cancelled. One that is being worked on is
    left alone.
    """
    line = database_clock() - older_than
    old = Q(ended_at__lt=line) | Q(ended_at=None, received_at__lt=line)
    idle = ImportFile.objects.exclude(status__in=[one.value for one in BUSY])
    found = list(idle.filter(old, pieces__isnull=False).distinct()[:100])
    for file in found:
        # Somebody may take it up in this very moment after all.
        with suppress(ConsentError):
            if file.status in OPEN:
                cancel(file)
            pieces.forget(file)
    return len(found)


def _step(file: ImportFile, before: Collection[FileStatus], **changes: Any) -> None:
    found = ImportFile.objects.filter(id=file.id, status__in=[one.value for one in before])
    if not found.update(**changes):
        raise ConsentError("not_now", "Somebody, or the worker, has gone on with this file.")
    file.refresh_from_db()


def _kept(file: ImportFile) -> tuple[str, ...]:
    """Of a file that is done with: what was refused, where the rest was recorded."""
    return (INVALID,) if file.run_id else ()


def _check_readable(first: bytes) -> None:
    if not first:
        raise ConsentError("empty_file", "The file is empty.", "file")
    if first.startswith(_UTF16):
        message = "The file is in UTF-16: save it as CSV in UTF-8."
        raise ConsentError("utf16", message, "file")
    if b"\0" in first:
        message = "The file is no text. Save a spreadsheet as CSV in UTF-8, and take that."
        raise ConsentError("not_text", message, "file")


class _Measure:
    """How long something is, and its SHA-256, as it goes by."""

    def __init__(self) -> None:
        self.digest, self.size = sha256(), 0

    def each(self, content: Iterable[bytes]) -> Iterator[bytes]:
        for piece in content:
            self.digest.update(piece)
            self.size += len(piece)
            yield piece

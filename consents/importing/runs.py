"""Which run records a file, and how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from consents.errors import ConsentError
from consents.importing.columns import Manner
from consents.importing.files import Source
from consents.importing.rows import Chunk
from consents.models import ImportChunk, ImportRun, Sender
from consents.models.base import ClockTimestamp
from consents.writing import database_clock


def begin(
    sender: Sender,
    source: Source,
    manner: Manner,
    actor: str,
    *,
    again: bool = False,
    name: str = "",
) -> ImportRun:
    """The run that records this file in this manner: one that was stopped goes on, else a new one.

    `name`: what the file is called, if not by its path. Raises ConsentError `already_imported` for
    a file that was recorded to its end before in the same manner, unless it is to be recorded
    `again`.
    """
    digest = source.sha256()
    with transaction.atomic():
        # Of two who begin at once the second finds the run of the first.
        Sender.objects.select_for_update(no_key=True).get(id=sender.id)
        stopped = _of(sender, digest, manner.as_json()).filter(finished_at=None).first()
        if stopped:
            return stopped
        if not again:
            check_new(sender, digest, manner.as_json())
        return ImportRun.objects.create(
            sender=sender,
            file_name=(name or source.path.name)[:255],
            sha256=digest,
            size=source.size,
            manner=manner.as_json(),
            actor=actor,
            started_at=database_clock(),
        )


def hold(run: ImportRun) -> ImportRun:
    """The run, locked. Raises ConsentError `import_elsewhere` when somebody else took it further,
    and `import_voided`.

    In the transaction that will `advance` it.
    """
    held = ImportRun.objects.select_for_update().get(id=run.id)
    if held.voided_at:
        raise ConsentError("import_voided", "This import is void: it goes no further.")
    if held.position != run.position or held.finished_at:
        raise ConsentError("import_elsewhere", "Somebody else is recording this import.")
    return held


def advance(held: ImportRun, chunk: Chunk, counts: Counter[str], lines: Sequence[int]) -> None:
    """In the transaction of the rows themselves: what is noted is recorded, and the reverse."""
    held.position, held.rows = chunk.end, chunk.last
    held.counts = dict(Counter(held.counts) + counts)
    held.save(update_fields=["position", "rows", "counts"])
    ImportChunk.objects.create(
        run=held,
        position=chunk.end,
        rows=chunk.rows,
        first_seq=min(lines, default=None),
        last_seq=max(lines, default=None),
        recorded_at=database_clock(),
    )


def finish(run: ImportRun) -> None:
    ImportRun.objects.filter(id=run.id, finished_at=None).update(finished_at=ClockTimestamp())
    run.refresh_from_db()


def check_new(sender: Sender, sha256: bytes, manner: Mapping[str, Any]) -> None:
    """Raises ConsentError `already_imported` for a file recorded to its end in this manner."""
    finished = _of(sender, sha256, manner).filter(finished_at__isnull=False).first()
    if finished:
        when = f"{finished.finished_at:%Y-%m-%d at %H:%M} UTC"
        raise ConsentError("already_imported", f"This very file was imported on {when}.")


def _of(sender: Sender, sha256: bytes, manner: Mapping[str, Any]) -> QuerySet[ImportRun]:
    return ImportRun.objects.filter(sender=sender, sha256=sha256, manner=manner, voided_at=None)

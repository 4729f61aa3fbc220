"""Records a file, a chunk of rows in each transaction, and goes on where it was stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import Queue
from threading import Event, Thread
from typing import Any, Final

from django.db import IntegrityError

from consents import ledger
from consents.batch import people, recording
from consents.entries import Entry
from consents.errors import ConsentError
from consents.importing import whose
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.importing.rows import Chunk, Preparer, Ready, Refused, chunks, running_clock
from consents.models import Contact, ImportChunk, ImportRun, Sender
from consents.models.base import ClockTimestamp
from consents.purposes import PurposeTree
from consents.writing import database_clock

AHEAD: Final = 2
"""Chunks made ready while one is written: the database works while Python reads."""

INVALID: Final = "invalid"

Progress = Callable[[ImportRun], None]


def begin(
    sender: Sender, source: Source, manner: Manner, actor: str, *, again: bool = False
) -> ImportRun:
    """The run that records this file: one that was stopped goes on, else a new one.

    Raises ConsentError `already_imported` for a file that was recorded to its end before, unless
    it is to be recorded `again`.
    """
    digest = source.sha256()
    before = ImportRun.objects.filter(sender=sender, sha256=digest)
    stopped = before.filter(finished_at=None, manner=manner.as_json()).first()
    if stopped:
        return stopped
    finished = before.exclude(finished_at=None).first()
    if finished and not again:
        raise ConsentError(
            "already_imported",
            f"This very file was imported on {finished.finished_at:%Y-%m-%d at %H:%M} UTC.",
        )
    return ImportRun.objects.create(
        sender=sender,
        file_name=source.path.name[:255],
        sha256=digest,
        size=source.size,
        manner=manner.as_json(),
        actor=actor,
        started_at=database_clock(),
    )


def apply(run: ImportRun, source: Source, manner: Manner, progress: Progress) -> ImportRun:
    """Record all that is not recorded yet, and tell `progress` after each chunk.

    Killed at any moment, it goes on behind the last chunk that was committed. Raises ConsentError
    `import_elsewhere` when somebody else records the same run.
    """
    purposes = PurposeTree.load()
    reader = Reader(manner, source.header, f"import:{run.id}")
    digest = bytes(run.sha256).hex()
    preparer = Preparer(run.sender, purposes, reader, running_clock(), run.id, digest)
    progress(run)
    with _ReadAhead(chunks(source, preparer, run.position, run.rows)) as ahead:
        for chunk in ahead:
            _record_once_more(_Work(run, purposes, chunk))
            run.refresh_from_db()
            progress(run)
    _finish(run)
    return run


@dataclass(frozen=True, slots=True)
class _Work:
    run: ImportRun
    purposes: PurposeTree
    chunk: Chunk


def _record_once_more(work: _Work) -> None:
    """Where somebody else made a contact of the file in the same moment, it is there now."""
    try:
        ledger.once_more_on_deadlock(lambda: _record(work))
    except IntegrityError as error:
        if getattr(error, "constraint_name", None) != "contact_external_id_unique":
            raise
        ledger.once_more_on_deadlock(lambda: _record(work))


def _record(work: _Work) -> None:
    run, chunk = work.run, work.chunk
    held = ImportRun.objects.select_for_update().get(id=run.id)
    if held.position != run.position or held.finished_at:
        raise ConsentError("import_elsewhere", "Somebody else is recording this import.")
    rows = [row for row in chunk.rows if isinstance(row, Ready)]
    found = people.find(run.sender, [row.statement for row in rows])
    split = whose.split(run.sender, rows, found)
    written = recording.write(run.sender, work.purposes, split.together, found)
    apart = _record_apart(run.sender, split.apart)
    counts = Counter(one.outcome for one in written)
    counts.update(INVALID if isinstance(one, ConsentError) else one.event.outcome for one in apart)
    counts[INVALID] += sum(isinstance(row, Refused) for row in chunk.rows)
    lines = [one.seq for one in written] + [
        event.seq for one in apart if not isinstance(one, ConsentError) for event in one.events
    ]
    _note(held, chunk, counts, lines)


def _record_apart(
    sender: Sender, rows: Sequence[Ready]
) -> Sequence[ledger.Recorded | ConsentError]:
    if not rows:
        return []
    contacts = _contacts_of(sender, rows)
    return ledger.record_many(sender, [_entry(row, contacts) for row in rows])


def _contacts_of(sender: Sender, rows: Sequence[Ready]) -> dict[str, Contact]:
    """The contacts that the rows name, new ones with the names that the first row gives them."""
    named = {row.names.external_id: row.names for row in reversed(rows) if row.names}
    Contact.objects.bulk_create(
        [Contact(sender=sender, **named[key]._asdict()) for key in sorted(named)],
        ignore_conflicts=True,
    )
    found = Contact.objects.filter(sender=sender, external_id__in=named)
    return {str(contact.external_id): contact for contact in found}


def _entry(row: Ready, contacts: dict[str, Contact]) -> Entry:
    if row.names is None:
        return row.entry
    fields: dict[str, Any] = {name: getattr(row.entry, name) for name in row.entry.__slots__}
    return Entry(**{**fields, "contact": contacts[row.names.external_id]})


def _note(run: ImportRun, chunk: Chunk, counts: Counter[str], lines: Sequence[int]) -> None:
    """In the transaction of the rows themselves: what is noted is recorded, and the reverse."""
    run.position, run.rows = chunk.end, chunk.last
    run.counts = dict(Counter(run.counts) + counts)
    run.save(update_fields=["position", "rows", "counts"])
    ImportChunk.objects.create(
        run=run,
        position=chunk.end,
        rows=len(chunk.rows),
        first_seq=min(lines, default=None),
        last_seq=max(lines, default=None),
        recorded_at=database_clock(),
    )


def _finish(run: ImportRun) -> None:
    ImportRun.objects.filter(id=run.id, finished_at=None).update(finished_at=ClockTimestamp())
    run.refresh_from_db()


class _ReadAhead:
    """Takes from an iterator in a thread of its own, a few items ahead."""

    def __init__(self, items: Iterator[Chunk]) -> None:
        self._items = items
        self._ready: Queue[Chunk | BaseException | None] = Queue(AHEAD)
        self._stop = Event()
        self._thread = Thread(target=self._read, daemon=True)

    def __enter__(self) -> Iterator[Chunk]:
        self._thread.start()
        return self._taken()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            if not self._ready.empty():
                self._ready.get()
            self._thread.join(0.01)

    def _read(self) -> None:
        try:
            for item in self._items:
                self._ready.put(item)
                if self._stop.is_set():
                    return
            self._ready.put(None)
        except BaseException as error:
            self._ready.put(error)

    def _taken(self) -> Iterator[Chunk]:
        while (item := self._ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

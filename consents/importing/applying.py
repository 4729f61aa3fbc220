"""Records a file, a chunk of rows in each transaction, and goes on where it was stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from django.db import Error, transaction

from consents import ledger
from consents.batch import recording, staging
from consents.batch.recording import Tally
from consents.errors import ConsentError
from consents.importing import apart, runs, whose
from consents.importing.ahead import ReadAhead
from consents.importing.columns import Reader
from consents.importing.files import Source
from consents.importing.rows import Chunk, Preparer, chunks, running_clock
from consents.importing.verdicts import INVALID
from consents.models import ImportRun
from consents.notices import Notices
from consents.purposes import PurposeTree

TRIES: Final = 10
"""Of a chunk that somebody else came in between of."""


def apply(
    run: ImportRun, source: Source, reader: Reader, progress: Callable[[ImportRun], None]
) -> None:
    """Record all that is not recorded yet, and tell `progress` before and after each chunk.

    Killed at any moment, it goes on behind the last chunk that was committed. Raises ConsentError
    `import_elsewhere` when somebody else records the same run, and `file_changed`.
    """
    digest = bytes(run.sha256).hex()
    known = (PurposeTree.load(), Notices.of(run.sender))
    preparer = Preparer(run.sender, *known, reader, running_clock(), run.id, digest)
    progress(run)
    with ReadAhead(chunks(source, preparer, run.position, run.rows)) as ahead:
        for chunk in ahead:
            _record_patiently(run, preparer, chunk)
            run.refresh_from_db()
            progress(run)
    runs.finish(run)


def _record_patiently(run: ImportRun, preparer: Preparer, chunk: Chunk) -> None:
    for tries_left in reversed(range(TRIES)):
        try:
            with transaction.atomic():
                _record(run, preparer, chunk)
            return
        except (Error, _OvertakenError) as error:
            if not (tries_left and _passes(error)):
                raise


class _OvertakenError(Exception):
    """Somebody else made an identity of the chunk in the same moment: it is to be found now."""


def _passes(error: Error | _OvertakenError) -> bool:
    """Whether the same chunk can be recorded next time: somebody else is there now, or gone."""
    return (
        isinstance(error, _OvertakenError)
        or getattr(error, "sqlstate", None) == ledger.DEADLOCK
        or getattr(error, "constraint_name", None) == "contact_external_id_unique"
    )


def _record(run: ImportRun, preparer: Preparer, chunk: Chunk) -> None:
    held = runs.hold(run)
    purposes, _ = PurposeTree.current()
    staging.stage(chunk.staged)
    entangled = whose.apart(run.sender, chunk.entangled)
    staging.leave_out([row.number for row in entangled])
    people = chunk.staged.people - len({row.key for row in entangled})
    written = recording.record_staged(run.sender, purposes, people, asks=chunk.staged.asks)
    if chunk.entangled and whose.is_overtaken(run.sender):
        raise _OvertakenError
    others = apart.record(preparer, entangled)
    counts = Counter(written.outcomes)
    counts.update(INVALID if isinstance(one, ConsentError) else one.event.outcome for one in others)
    counts[INVALID] += len(chunk.refused)
    runs.advance(held, chunk, counts, _lines(written, others))


def _lines(written: Tally, others: Sequence[ledger.Recorded | ConsentError]) -> list[int]:
    recorded = (one for one in others if not isinstance(one, ConsentError))
    ends = (written.first_seq, written.last_seq)
    return [
        *(seq for seq in ends if seq is not None),
        *(event.seq for one in recorded for event in one.events),
    ]

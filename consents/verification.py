"""Verifies the whole ledger: every seal, every line that is sealed, what was kept outside.

Nothing is written, and memory does not grow with the ledger. Lines that look as they were sealed
are only hashed; where something does not fit, the seal is looked at line by line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from django.db.models import Count, Max, Sum

from consents import anchors, chain, diagnosis, leaves, meanings, seal_keys, sealing
from consents.findings import Finding, Kind
from consents.models import Seal, Verification
from consents.writing import database_clock

_SPAN_LINES: Final = sealing.LINES_MAX
_SPAN_SEALS: Final = 1000
"""What is read by one statement."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many seals there are, over how many lines, up to which."""

    seals: int
    lines: int
    upto: int


def tally() -> Tally:
    seals = Seal.objects.order_by()
    found = seals.aggregate(seals=Count("number"), lines=Sum("count"), upto=Max("upto"))
    return Tally(found["seals"], found["lines"] or 0, found["upto"] or 0)


def verify(upto: int, progress: Callable[[int], None] = lambda _: None) -> Iterator[Finding]:
    """What is wrong with the seals, and with the lines of those up to line `upto`.

    `progress` is told how many lines have been looked at.
    """
    yield from chain.check(_seals(upto), seal_keys.trusted())
    yield from meanings.check_newest()
    checked = 0
    for span in _spans(_seals(upto)):
        if not _fits(span):
            for seal in span:
                yield from _examined(seal)
        checked += sum(seal.count for seal in span)
        progress(checked)


def note(tally: Tally, findings: int) -> None:
    """Keep for the home page that so much was verified now, and how many findings there were."""
    Verification.objects.create(
        verified_at=database_clock(), seals=tally.seals, lines=tally.lines, findings=findings
    )


def compare(anchored: Path) -> Iterator[Finding]:
    """What is wrong with the seals by those that were kept outside. Raises AnchorError."""
    for anchor in anchors.read(anchored):
        seal = Seal.objects.light().filter(number=anchor.number).first()
        if seal is None:
            message = f"Seal {anchor.number} was kept outside and is missing here."
            yield Finding(Kind.SEAL_MISSING, message, anchor.number)
        elif seal.digest() != anchor.digest:
            message = f"Seal {anchor.number} is another one than was kept outside."
            yield Finding(Kind.ANCHOR, message, anchor.number)


def _seals(upto: int) -> Iterator[Seal]:
    seals = Seal.objects.light().filter(upto__lte=upto).order_by("number")
    yield from seals.iterator(chunk_size=_SPAN_SEALS)


def _spans(seals: Iterable[Seal]) -> Iterator[list[Seal]]:
    """Seals that follow each other, together as far as one statement reads."""
    span, lines = list[Seal](), 0
    for seal in seals:
        is_full = lines + seal.count > _SPAN_LINES or len(span) == _SPAN_SEALS
        if span and (is_full or seal.after != span[-1].upto):
            yield span
            span, lines = [], 0
        span.append(seal)
        lines += seal.count
    if span:
        yield span


def _fits(span: Sequence[Seal]) -> bool:
    """Whether the lines of these seals, and the hashes kept of them, are those sealed."""
    hashes = leaves.hashes(_begin(span[0]), span[-1].upto)
    numbers = (span[0].number, span[-1].number)
    kept = Seal.objects.filter(number__range=numbers).order_by("number")
    if b"".join(hashes) != b"".join(map(bytes, kept.values_list("leaves", flat=True))):
        return False
    rest = iter(hashes)
    fits = all(diagnosis.is_root_of(seal, list(islice(rest, max(seal.count, 0)))) for seal in span)
    return fits and next(rest, None) is None


def _examined(seal: Seal) -> Iterator[Finding]:
    return diagnosis.of_seal(seal, list(leaves.entries(_begin(seal), seal.upto)))


def _begin(seal: Seal) -> int | None:
    """Nothing can hide below the first line."""
    return seal.after if seal.number > 1 else None

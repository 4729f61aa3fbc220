"""Which lines do not fit their seal, and how: by the hashes that the seal kept of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from consents import leaves, merkle, restoring
from consents.findings import Finding, Kind
from consents.models import Seal
from consents.restoring import Change


def of_seal(seal: Seal, entries: Sequence[bytes]) -> Iterator[Finding]:
    """What differs between the lines that there are of this seal's range and those sealed."""
    found = [merkle.leaf(entry) for entry in entries]
    kept = seal.hashes()
    if not is_root_of(seal, kept):
        message = f"Seal {seal.number} and the hashes it kept of its lines do not belong together"
        yield Finding(
            Kind.SEAL_BROKEN, f"{message}; {_which_fits(seal, found, kept)}.", seal.number
        )
    elif found != kept:
        yield from _compared(seal, kept, entries)


def is_root_of(seal: Seal, hashes: Sequence[bytes]) -> bool:
    """Whether the seal is one over these and no others."""
    return 0 < len(hashes) == seal.count and merkle.root(hashes) == bytes(seal.root)


def _which_fits(seal: Seal, found: Sequence[bytes], kept: Sequence[bytes]) -> str:
    if is_root_of(seal, found):
        return "its lines fit the seal"
    return "its lines fit the hashes" if found == kept else "its lines fit neither"


def _compared(seal: Seal, sealed: Sequence[bytes], entries: Sequence[bytes]) -> Iterator[Finding]:
    """Between each two lines that fit, what was sealed is held against what is there."""
    of = {merkle.leaf(entry): entry for entry in entries}
    gone = _runs(sealed, of)
    new = _runs([merkle.leaf(entry) for entry in entries], set(sealed))
    fitting = [leaves.seq(of[leaf]) for leaf in sealed if leaf in of]
    was = {leaf for run in gone for leaf in run}
    changes = restoring.changes([of[leaf] for run in new for leaf in run], was)
    for last, before, now in zip([seal.after, *fitting], gone, new, strict=True):
        numbers = [leaves.seq(of[leaf]) for leaf in now]
        yield from _told(seal.number, last, len(before), numbers, changes)


def _runs(hashes: Sequence[bytes], common: Collection[bytes]) -> list[list[bytes]]:
    """What stands before, between and behind those in common; one that comes again is not."""
    runs, seen = [list[bytes]()], set[bytes]()
    for one in hashes:
        if one in common and one not in seen:
            runs.append([])
        else:
            runs[-1].append(one)
        seen.add(one)
    return runs


def _told(
    seal: int, last: int, were: int, now: Sequence[int], changes: Mapping[int, Change]
) -> Iterator[Finding]:
    """Of `were` lines behind line `last`, those with the numbers `now` are there."""
    for seq in now[:were]:
        yield _changed(seal, seq, changes.get(seq))
    for seq in now[were:]:
        message = f"Line {seq} was not there when seal {seal} was made: it was inserted."
        yield Finding(Kind.INSERTED, message, seal, seq)
    if (missing := were - len(now)) > 0:
        lines = "A line is" if missing == 1 else f"{missing} lines are"
        behind = now[-1] if now else last
        yield Finding(Kind.MISSING, f"{lines} missing behind line {behind}.", seal, behind)


def _changed(seal: int, seq: int, change: Change | None) -> Finding:
    if change is None:
        message = f"Line {seq} is not as it was sealed: it was changed."
    elif change.column == "seq":
        message = f"Line {seq} is not in its place: it was sealed as line {change.was}."
        return Finding(Kind.REORDERED, message, seal, seq)
    else:
        message = f"Line {seq} was changed: its {change.column} was {change.was!r} when sealed."
    return Finding(Kind.CHANGED, message, seal, seq)

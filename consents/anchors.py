"""Seals kept outside the database, where whoever rules over it cannot reach them.

Without that, somebody with the signing key could cut the newest seals off, or write all of them
anew, and the ledger would still fit together. The file of LEDGER_ANCHOR_FILE gets each seal as a
line of JSON; it may be append-only, or on a disk of another machine.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings

from consents import documents
from consents.commitments import canonical
from consents.models import Seal

_TAIL: Final = 1024 * 1024
"""Bytes at the end of the file that hold its newest seals."""


class AnchorError(Exception):
    """The seals cannot be written to their file, or read from it. Its words are for an operator."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A seal as it was kept outside."""

    number: int
    digest: bytes


def publish() -> int:
    """Append every seal that is not in the file yet; how many. Safe to repeat, and at once."""
    if not settings.LEDGER_ANCHOR_FILE:
        return 0
    try:
        with open(settings.LEDGER_ANCHOR_FILE, "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            return _append_missing(file)
    except OSError as error:
        raise AnchorError(f"The file of seals cannot be written: {error.strerror}.") from None


def read(path: Path) -> Iterator[Anchor]:
    """The seals in such a file. Raises AnchorError where there is none.

    A line that is no seal is passed over: a process killed while writing leaves half a one, and
    writes the whole behind it.
    """
    try:
        with path.open("rb") as file:
            yield from _anchors(file)
    except OSError as error:
        raise AnchorError(f"The file of seals cannot be read: {error.strerror}.") from None


def _append_missing(file: IO[bytes]) -> int:
    file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, 0))
    known = max((anchor.number for anchor in _anchors(file)), default=0)
    missing = Seal.objects.light().filter(number__gt=known).select_related("key").order_by("number")
    lines = [canonical(documents.seal(made)).encode() for made in missing]
    if lines:
        file.write(_break_off(file) + b"\n".join(lines) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return len(lines)


def _break_off(file: IO[bytes]) -> bytes:
    """Ends a line that was left half written."""
    if not file.seek(0, os.SEEK_END):
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\n"


def _anchors(lines: Iterable[bytes]) -> Iterator[Anchor]:
    for text in lines:
        try:
            yield _anchor(json.loads(text))
        except (ValueError, TypeError, KeyError):
            continue


def _anchor(kept: Any) -> Anchor:
    signed = canonical(kept["statement"]).encode() + bytes.fromhex(kept["signature"])
    return Anchor(int(kept["statement"]["number"]), sha256(signed).digest())

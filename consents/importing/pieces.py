"""Contents of files in the database, in pieces: the machines that work on a file share no disk.

For reading, a file is written out to one without a name: nothing of it is left when a process dies.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import count, islice
from pathlib import Path
from typing import Final, Protocol

from consents.errors import ConsentError
from consents.models import ImportFile, ImportPiece

SIZE: Final = 256 * 1024
SOURCE: Final = "source"
"""The part that is the file itself, as it was handed in; the others are its rows by category."""

_AT_ONCE: Final = 8


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def of(file: Readable) -> Iterator[bytes]:
    """What is read from it, piece by piece."""
    return iter(lambda: file.read(SIZE), b"")


def store(file: ImportFile, part: str, content: Iterable[bytes]) -> None:
    """Keep a part that is not there yet; whole or not at all in the caller's transaction."""
    pieces = (
        ImportPiece(file=file, part=part, number=number, content=piece)
        for number, piece in zip(count(), content, strict=False)
    )
    while few := list(islice(pieces, _AT_ONCE)):
        ImportPiece.objects.bulk_create(few)


def read(file: ImportFile, part: str) -> Iterator[bytes]:
    """The part, a few pieces in memory at a time; nothing where there is none."""
    pieces = ImportPiece.objects.filter(file=file, part=part).order_by("number")
    for number in count(step=_AT_ONCE):
        few = pieces.filter(number__gte=number)[:_AT_ONCE].values_list("content", flat=True)
        found = [bytes(piece) for piece in few]
        yield from found
        if len(found) < _AT_ONCE:
            return


@contextmanager
def opened(file: ImportFile) -> Iterator[Path]:
    """The whole file under a path that holds as long as the context does.

    Raises ConsentError `file_gone` where it is not, or not wholly, there any more.
    """
    with written_out(read(file, SOURCE)) as (path, digest):
        if digest != bytes(file.sha256):
            raise ConsentError("file_gone", "The file is not there any more: hand it in again.")
        yield path


@contextmanager
def begun(file: ImportFile, pieces: int) -> Iterator[Path]:
    """The same of its beginning alone."""
    with written_out(islice(read(file, SOURCE), pieces)) as (path, _):
        yield path


@contextmanager
def written_out(content: Iterable[bytes]) -> Iterator[tuple[Path, bytes]]:
    """A path of a file with this content, and its SHA-256."""
    digest = sha256()
    with tempfile.TemporaryFile() as out:
        for piece in content:
            digest.update(piece)
            out.write(piece)
        out.flush()
        # As long as it is open, a file without a name has this path.
        yield Path(f"/dev/fd/{out.fileno()}"), digest.digest()


def parts(file: ImportFile) -> set[str]:
    return set(file.pieces.order_by().values_list("part", flat=True).distinct())


def forget(file: ImportFile, keep: Collection[str] = ()) -> int:
    """Delete all parts but these; how many pieces that were."""
    # Where nothing cascades and nobody listens, Django deletes without reading the contents.
    return file.pieces.exclude(part__in=keep).delete()[0]

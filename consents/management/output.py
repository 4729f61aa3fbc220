"""Where commands write what they were asked for: a file that is whole or not there, or stdout."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO

from django.core.management.base import CommandError
from django.db import DatabaseError

from consents.management import progress


@contextmanager
def opened(path: Path | None) -> Iterator[IO[bytes]]:
    """Takes the bytes; the file, for its owner's eyes alone, takes its name when all is written.

    Raises CommandError where it cannot be written, where nobody reads stdout any more, and where
    the database fails meanwhile.
    """
    try:
        if path is None:
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
        else:
            with _draft_of(path) as draft:
                yield draft
    except BrokenPipeError:
        # Python flushes stdout once more at its end, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise CommandError("Nobody reads on; the rest was not written.") from None
    except DatabaseError:
        raise CommandError("The database cannot answer now. Not all is written.") from None
    except OSError as error:
        raise CommandError(f"The answer cannot be written: {error.strerror}.") from None


def bar(
    title: str, total: float | None, path: Path | None
) -> AbstractContextManager[Callable[[float], None]]:
    """A progress bar, unless the rows themselves run over the terminal."""
    if path is None and sys.stdout.isatty():
        return nullcontext(lambda done: None)
    return progress.bar(title, total)


@contextmanager
def _draft_of(path: Path) -> Iterator[IO[bytes]]:
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as draft:
        try:
            yield draft
            draft.flush()
            os.fsync(draft.fileno())
            os.replace(draft.name, path)
        except BaseException:
            os.unlink(draft.name)
            raise

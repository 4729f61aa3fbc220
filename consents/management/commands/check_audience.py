"""Asks the gate about everybody in a file."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from consents.audiences import Audience, Question
from consents.errors import ConsentError
from consents.importing.files import CSV, NDJSON, Source
from consents.ledger import the_sender
from consents.management import output

STDIN = Path("-")


class Command(BaseCommand):
    help = (
        "Asks the gate about everybody in a file, and writes the file with the verdict behind each "
        "row: a row without one means no. Exit status 0: all rows are answered; 1: they are not, "
        "and on stdout the last row says so."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, help="CSV with a header, or NDJSON; UTF-8. - is stdin."
        )
        parser.add_argument("--channel", required=True)
        parser.add_argument("--purpose", required=True, help="What is to be sent.")
        parser.add_argument("--sender", default="default", help="The sender's key.")
        parser.add_argument("--column", default="identity", help="Which one holds the identities.")
        parser.add_argument("--format", choices=[CSV, NDJSON], help="Else by the file's name.")
        parser.add_argument("--delimiter", default=",", help="Between cells; `tab` for a tab.")
        parser.add_argument("--output", type=Path, help="Where to write it; else stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with _plain_file(options["file"]) as path:
                audience = _audience(path, options)
                self._check(audience, options["output"])
        except ConsentError as error:
            raise CommandError(error.message) from None
        for reason, count in audience.counts.most_common():
            self.stderr.write(f"{count:>12,}  {reason}")

    def _check(self, audience: Audience, path: Path | None) -> None:
        with (
            output.opened(path) as file,
            output.bar("Checking", audience.size, path) as bar,
        ):
            try:
                for piece in audience.answered(bar):
                    file.write(piece)
            except (DatabaseError, ConsentError) as error:
                file.write(audience.broken_off(*_told(error)))
                raise


def _audience(path: Path, options: Mapping[str, Any]) -> Audience:
    is_json = options["file"].suffix.lower() in (".ndjson", ".jsonl")
    format = options["format"] or (NDJSON if is_json else CSV)
    delimiter = "\t" if options["delimiter"] == "tab" else options["delimiter"]
    question = Question(
        the_sender(options["sender"]), options["channel"], options["purpose"], options["column"]
    )
    return Audience(Source(path, format, delimiter), question)


def _told(error: Exception) -> tuple[str, str]:
    if isinstance(error, ConsentError):
        return error.code, error.message
    return "try_again", "The database cannot answer now."


@contextmanager
def _plain_file(path: Path) -> Iterator[Path]:
    """The file itself; of stdin, which can be read once only, a copy that nobody else sees."""
    if path != STDIN:
        yield path
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield Path(f"/dev/fd/{copy.fileno()}")

"""Writes out who has consented to what."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consents import exporting, timestamps
from consents.counting import counted
from consents.errors import ConsentError
from consents.exporting import Row, Selection
from consents.importing.files import CSV, NDJSON
from consents.ledger import the_sender
from consents.management import output
from consents.vocabulary import Channel, State


class Command(BaseCommand):
    help = (
        "Writes out who has consented to what, a row for each identity and purpose: as it is now, "
        "or with --at as it was known at that time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sender", default="default", help="The sender's key.")
        parser.add_argument("--channel", type=str.upper, choices=[one.value for one in Channel])
        parser.add_argument("--purpose", help="Only this purpose's own rows.")
        parser.add_argument("--state", choices=[one.value for one in State])
        parser.add_argument("--at", type=_moment, help="A time in ISO 8601 with its zone.")
        parser.add_argument(
            "--hindsight", action="store_true", help="Of that time, by all that is known now."
        )
        parser.add_argument("--format", choices=[CSV, NDJSON], default=CSV)
        parser.add_argument("--output", type=Path, help="Where to write it; else stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["hindsight"] and options["at"] is None:
            raise CommandError("--hindsight is about the time that --at names.")
        try:
            written = self._export(options)
        except ConsentError as error:
            raise CommandError(error.message) from None
        self.stderr.write(counted(written, "row"))

    def _export(self, options: Mapping[str, Any]) -> int:
        names = ("channel", "purpose", "state")
        selection = Selection(the_sender(options["sender"]), *(options[name] for name in names))
        rows, total = _rows(selection, options["at"], options["hindsight"])
        encode = exporting.in_csv if options["format"] == CSV else exporting.in_ndjson
        path = options["output"]
        seen = _Seen()
        with output.opened(path) as file, output.bar("Exporting", total, path) as bar:
            file.writelines(encode(seen.each(rows, bar)))
        return seen.count


class _Seen:
    count = 0

    def each(self, rows: Iterable[Row], bar: Callable[[float], None]) -> Iterator[Row]:
        for row in rows:
            self.count += 1
            if self.count % exporting.CHUNK == 0:
                bar(self.count)
            yield row


def _rows(
    selection: Selection, at: datetime | None, hindsight: bool
) -> tuple[Iterator[Row], int | None]:
    """The rows, and how many there are where that is quickly told."""
    if at is None:
        return exporting.present(selection), exporting.count(selection)
    return exporting.past(selection, at, hindsight=hindsight), None


def _moment(text: str) -> datetime:
    try:
        return timestamps.read(text)
    except ValueError:
        raise ArgumentTypeError("this must be an ISO 8601 time with its zone") from None

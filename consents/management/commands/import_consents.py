"""Looks at a file of consents, or records it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error

from consents.errors import ConsentError
from consents.importing import applying, checking, runs
from consents.importing.columns import Manner, Reader
from consents.importing.files import CSV, NDJSON, Source
from consents.importing.report import Report, tally
from consents.importing.verdicts import CATEGORIES, INVALID
from consents.ledger import the_sender
from consents.management import progress
from consents.models import Sender
from consents.vocabulary import CONSENT_ACTIONS, Channel

_DEFAULTS: Final = ("action", "channel", "purpose", "source")
_GO_ON: Final = "What is recorded stays; the same command goes on behind it."


class Command(BaseCommand):
    help = (
        "Looks at a file of consents and says what recording it would do; with --apply records "
        "it. An import that was stopped goes on when it is started again. Exit status 1: some "
        "rows cannot be recorded, or nothing was done."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="CSV with a header, or NDJSON; UTF-8.")
        parser.add_argument("--apply", action="store_true", help="Record it.")
        parser.add_argument("--again", action="store_true", help="Though it was imported before.")
        parser.add_argument("--sender", default="default", help="The sender's key.")
        parser.add_argument("--format", choices=[CSV, NDJSON], help="Else by the file's name.")
        parser.add_argument("--delimiter", default=",", help="Between cells; `tab` for a tab.")
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="The column that holds a field, where it has another name: identity=phone.",
        )
        without = "Where a row does not say."
        parser.add_argument("--action", choices=sorted(CONSENT_ACTIONS), help=without)
        parser.add_argument("--channel", type=str.upper, choices=list(Channel), help=without)
        parser.add_argument("--purpose", help=without)
        parser.add_argument("--source", help=without)
        parser.add_argument("--timezone", default="", help="Of times that do not state theirs.")
        parser.add_argument(
            "--report",
            type=Path,
            help="Where the looking puts the rows of each kind; else FILE.report.",
        )
        parser.add_argument("--no-report", action="store_true", help="Only count them.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            invalid = self._import(options)
        except ConsentError as error:
            raise CommandError(error.message) from None
        except Error as error:
            raise CommandError(f"The database failed: {error}. {_GO_ON}") from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {_GO_ON}", returncode=130) from None
        if invalid:
            sys.exit(1)

    def _import(self, options: dict[str, Any]) -> int:
        """How many rows cannot be recorded."""
        sender = the_sender(options["sender"])
        manner = _manner(options)
        source = Source(options["file"], manner.format, manner.delimiter)
        reader = Reader(manner, source.header)
        self._tell_ignored(reader.ignored)
        if options["apply"]:
            counts = self._apply(sender, source, reader, again=options["again"])
        else:
            counts = self._look(sender, source, reader, _report(options, source))
        self._tell_ignored([] if source.header else reader.ignored)
        return counts[INVALID]

    def _look(
        self, sender: Sender, source: Source, reader: Reader, report: Report | None
    ) -> Counter[str]:
        with progress.bar("Reading", source.size) as bar:
            verdicts = checking.check(sender, source, reader, bar)
            if report is None:
                counts = Counter(verdict.category for verdict in verdicts)
            else:
                with report:
                    counts = tally(verdicts, source, report)
        self._table(counts, CATEGORIES)
        if report is not None and counts:
            self.stdout.write(f"The rows of each kind are in {report.directory}.")
        self.stdout.write("Nothing was recorded. --apply records it.")
        return counts

    def _apply(
        self, sender: Sender, source: Source, reader: Reader, *, again: bool
    ) -> Counter[str]:
        run = runs.begin(sender, source, reader.manner, "import_consents", again=again)
        if run.rows:
            self.stderr.write(f"Going on behind row {run.rows}.")
        before = run.rows
        with progress.bar("Recording", source.size, run.position) as bar:
            applying.apply(run, source, reader, lambda run: bar(run.position, run.rows - before))
        counts = Counter(run.counts)
        self._table(counts, {**CATEGORIES, "changed": "new, or a state that changes"})
        recorded = run.rows - counts[INVALID]
        self.stdout.write(f"Recorded: {recorded:,} of {run.rows:,} rows, import {run.id}.")
        return counts

    def _table(self, counts: Mapping[str, int], words: Mapping[str, str]) -> None:
        for name, meaning in words.items():
            if counts[name]:
                self.stdout.write(f"{counts[name]:>12,}  {name:<16} {meaning}")
        if not counts:
            self.stdout.write("The file has no rows.")

    def _tell_ignored(self, columns: Iterable[str]) -> None:
        if names := ", ".join(map(ascii, columns)):
            self.stderr.write(f"Columns that mean nothing here: {names}.")


def _manner(options: Mapping[str, Any]) -> Manner:
    is_json = options["file"].suffix.lower() in (".ndjson", ".jsonl")
    return Manner(
        format=options["format"] or (NDJSON if is_json else CSV),
        delimiter="\t" if options["delimiter"] == "tab" else options["delimiter"],
        columns=_columns(options["map"]),
        defaults={name: options[name] for name in _DEFAULTS if options[name]},
        zone=options["timezone"],
    )


def _columns(pairs: Iterable[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise CommandError(f"--map takes FIELD=COLUMN, not {pair!r}.")
        if column in columns:
            raise CommandError(f"--map says twice what the column {column!r} is.")
        columns[column] = field
    return columns


def _report(options: Mapping[str, Any], source: Source) -> Report | None:
    if options["no_report"]:
        return None
    beside = source.path.with_name(f"{source.path.name}.report")
    return Report(options["report"] or beside, source.header)

"""Looks at a file of consents, or records it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consents.errors import ConsentError
from consents.importing import applying, checking
from consents.importing.checking import CATEGORIES, INVALID
from consents.importing.columns import Manner, Reader
from consents.importing.files import CSV, NDJSON, Source
from consents.importing.report import Report, tally
from consents.ledger import the_sender
from consents.management import progress
from consents.models import ImportRun, Sender


class Command(BaseCommand):
    help = (
        "Looks at a file of consents and says what recording it would do; with --apply records "
        "it. An import that was stopped goes on when it is started again. Exit status 1: some "
        "rows cannot be recorded."
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
        for name in ("action", "channel", "purpose", "source"):
            parser.add_argument(f"--{name}", help="Where a row does not say.")
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
        if invalid:
            sys.exit(1)

    def _import(self, options: dict[str, Any]) -> int:
        """How many rows cannot be recorded."""
        sender = the_sender(options["sender"])
        manner = _manner(options)
        source = Source(options["file"], manner.format, manner.delimiter)
        if ignored := Reader(manner, source.header, "").ignored:
            self.stderr.write(f"Columns that mean nothing here: {', '.join(ignored)}.")
        if options["apply"]:
            return self._apply(sender, source, manner, again=options["again"])
        report = None if options["no_report"] else _report(options, source)
        return self._look(sender, source, manner, report)

    def _look(self, sender: Sender, source: Source, manner: Manner, report: Report | None) -> int:
        with progress.bar("Reading", source.size) as bar:
            verdicts = checking.check(sender, source, manner, bar)
            if report is None:
                counts = tally(verdicts, None, None)
            else:
                with report:
                    counts = tally(verdicts, source.rows(), report)
        self._table(counts, CATEGORIES)
        if report is not None and counts:
            self.stdout.write(f"The rows of each kind are in {report.directory}.")
        self.stdout.write("Nothing was recorded. --apply records it.")
        return counts[INVALID]

    def _apply(self, sender: Sender, source: Source, manner: Manner, *, again: bool) -> int:
        run = applying.begin(sender, source, manner, "import_consents", again=again)
        if run.rows:
            self.stderr.write(f"Going on behind row {run.rows}.")
        with progress.bar("Recording", source.size) as bar:
            applying.apply(run, source, manner, lambda run: bar(run.position))
        self._table(run.counts, {**CATEGORIES, "changed": "new, or a state that changes"})
        self.stdout.write(f"Recorded: {_recorded(run)} of {run.rows} rows, import {run.id}.")
        return int(run.counts.get(INVALID, 0))

    def _table(self, counts: Mapping[str, int], words: Mapping[str, str]) -> None:
        for name, meaning in words.items():
            if counts.get(name):
                self.stdout.write(f"{counts[name]:>12,}  {name:<16} {meaning}")


def _recorded(run: ImportRun) -> int:
    return run.rows - int(run.counts.get(INVALID, 0))


def _manner(options: Mapping[str, Any]) -> Manner:
    is_json = options["file"].suffix.lower() in (".ndjson", ".jsonl")
    delimiter = "\t" if options["delimiter"] == "tab" else options["delimiter"]
    if len(delimiter) != 1:
        raise CommandError("A delimiter is one character, or `tab`.")
    names = ("action", "channel", "purpose", "source")
    return Manner(
        format=options["format"] or (NDJSON if is_json else CSV),
        delimiter=delimiter,
        columns=_columns(options["map"]),
        defaults={name: options[name] for name in names if options[name]},
        zone=options["timezone"],
    )


def _columns(pairs: Iterable[str]) -> dict[str, str]:
    columns = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not (field and equals and column):
            raise CommandError(f"--map takes FIELD=COLUMN, not {pair!r}.")
        columns[column] = field
    return columns


def _report(options: Mapping[str, Any], source: Source) -> Report:
    default = source.path.with_name(f"{source.path.name}.report")
    return Report(options["report"] or default, source.header)

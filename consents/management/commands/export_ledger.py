"""Writes the sealed ledger out, for somebody who verifies it without Optbook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from consents import proofs, verification
from consents.commitments import canonical
from consents.counting import counted
from consents.management import output


class Command(BaseCommand):
    help = (
        "Writes every seal and every sealed line as JSON, one a line, without personal data. "
        "docs/verify.py verifies it anywhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--output", type=Path, help="Where to write it; else stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        tally, path = verification.tally(), options["output"]
        with output.opened(path) as file, output.bar("Exporting", tally.lines, path) as bar:
            for document in proofs.whole_ledger(tally.upto, bar):
                file.write(f"{canonical(document)}\n".encode())
        self.stderr.write(f"{counted(tally.lines, 'line')} in {counted(tally.seals, 'seal')}")

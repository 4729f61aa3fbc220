"""Verifies that the ledger is as it was sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consents import openings, sealing, verification
from consents.anchors import AnchorError
from consents.counting import counted
from consents.findings import Finding
from consents.management import progress
from consents.verification import Tally

_SHOWN: Final = 20


class Command(BaseCommand):
    help = (
        "Recomputes every seal over the ledger and names what does not fit. Exits with 1 when "
        "something does not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--details",
            action="store_true",
            help="Hold evidence and addresses, where they are not erased, against the lines too.",
        )
        parser.add_argument(
            "--anchors",
            type=Path,
            metavar="FILE",
            help="Hold the seals against a file of seals that was kept outside.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tally = verification.tally()
        try:
            count = self._tell(_anchored(options["anchors"]))
            count += self._with_bar("Lines", tally, verification.verify)
            if options["details"]:
                count += self._with_bar("Evidence", tally, openings.verify)
        except AnchorError as error:
            raise CommandError(str(error)) from None
        self._sum_up(tally, count)

    def _with_bar(self, title: str, tally: Tally, verify: _Verify) -> int:
        with progress.bar(title, tally.lines) as bar:
            return self._tell(verify(tally.upto, bar))

    def _tell(self, findings: Iterable[Finding]) -> int:
        """Write the first of them, count all."""
        count = 0
        for count, finding in enumerate(findings, start=1):
            if count <= _SHOWN:
                self.stdout.write(str(finding))
        if count > _SHOWN:
            self.stdout.write(f"… and {count - _SHOWN:,} more.")
        return count

    def _sum_up(self, tally: Tally, count: int) -> None:
        verification.note(tally, count)
        seals = f"{counted(tally.lines, 'line')} in {counted(tally.seals, 'seal')}"
        unsealed = sealing.unsealed().count()
        self.stdout.write(f"{seals} looked at; {counted(unsealed, 'line')} not sealed yet.")
        if count:
            findings = counted(count, "finding")
            raise CommandError(f"The ledger is not as it was sealed: {findings}.")
        self.stdout.write("Everything is as it was sealed.")


_Verify = Callable[[int, Callable[[int], None]], Iterable[Finding]]


def _anchored(path: Path | None) -> Iterable[Finding]:
    return verification.compare(path) if path else chain()

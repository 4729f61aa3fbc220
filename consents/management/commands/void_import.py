"""`manage.py void_import`: takes back an import that was made in error."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from consents import ledger, voiding
from consents.errors import ConsentError
from consents.models import ImportRun


class Command(BaseCommand):
    help = (
        "Void every entry of an import that was made in error: they stay in the ledger and count "
        "no longer. Without --yes only says what that would change. Stopped halfway, it goes on "
        "when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=UUID, help="The import's id, as the admin shows it.")
        parser.add_argument("--note", required=True, help="Why; kept with every entry.")
        parser.add_argument("--actor", default="command", help="Who does it, for the ledger.")
        parser.add_argument("--yes", action="store_true", help="Do it.")

    def handle(self, *args: Any, **options: Any) -> None:
        run = ImportRun.objects.filter(id=options["run"]).first()
        if run is None:
            raise CommandError("There is no such import.")
        foreseen = voiding.foresee(voiding.of_run(run))
        self.stdout.write(
            f"lines={foreseen.lines} opted_in={foreseen.opted_in} opted_out={foreseen.opted_out}"
        )
        if options["yes"]:
            self.stdout.write(f"voided={_void(run, options['note'], options['actor'])}")


def _void(run: ImportRun, note: str, actor: str) -> int:
    try:
        return ledger.void_run(run, note=note, actor=actor)
    except ConsentError as error:
        raise CommandError(error.message) from None

"""Seals what is new in the ledger."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consents import seal_keys, sealing
from consents.anchors import AnchorError
from consents.counting import counted


class Command(BaseCommand):
    help = (
        "Seals every line of the ledger that is not sealed yet, while others may write, and "
        "appends the seals to LEDGER_ANCHOR_FILE. The worker does the same on a schedule."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--key",
            action="store_true",
            help="Only print the public key that seals are signed with now.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["key"]:
            self.stdout.write(seal_keys.signing().public.hex())
            return
        try:
            for seal in sealing.seal():
                lines = f"{counted(seal.count, 'line')} up to {seal.upto}"
                self.stdout.write(f"Seal {seal.number}: {lines}, {seal.digest().hex()}")
        except AnchorError as error:
            raise CommandError(f"All is sealed, but: {error}") from None
        self.stderr.write(f"{counted(sealing.unsealed().count(), 'line')} not sealed.")

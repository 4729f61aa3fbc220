"""`manage.py provider_sandbox`: a local fake of the three providers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from providers.sandbox import command_line


class Command(BaseCommand):
    help = "Run a local fake of Pepipost, Sinch Conversation and Sinch WhatsApp until stopped."
    # It needs no database and no settings, so it also runs where those are wrong.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        command_line.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            command_line.run(options, self._announce)
        except (OSError, OverflowError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _announce(self, line: str) -> None:
        self.stdout.write(line)
        # Whoever waits for the address reads it from a pipe, which would hold it back.
        self.stdout.flush()

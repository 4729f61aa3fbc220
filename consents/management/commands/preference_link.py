"""Makes a link by which a person sees and changes what they are written about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from consents import links
from consents.errors import ConsentError
from consents.ledger import the_sender
from consents.management import whom
from consents.vocabulary import ROOT_PURPOSE, Channel


class Command(BaseCommand):
    help = (
        "Makes a link to a person's preferences and prints it, with the headers that let mail "
        "programs unsubscribe them in one click. Whoever has the link may use it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whom.add_arguments(parser)
        parser.add_argument("--sender", default="default", help="The sender's key.")
        parser.add_argument(
            "--channel",
            type=str.upper,
            choices=[one.value for one in Channel],
            default=Channel.EMAIL.value,
            help="Where unsubscribing in one click counts; else EMAIL.",
        )
        parser.add_argument(
            "--purpose", default=ROOT_PURPOSE, help="What it unsubscribes from; else everything."
        )
        parser.add_argument("--days", type=int, help="How long it works; else as the settings say.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.PUBLIC_URL:
            raise CommandError("Set PUBLIC_URL: it says what links begin with.")
        try:
            link = _make(options)
        except ConsentError as error:
            raise CommandError(error.message) from None
        made = links.addresses(link, settings.PUBLIC_URL)
        self.stdout.write(made.preferences)
        for name, value in made.headers.items():
            self.stdout.write(f"{name}: {value}")
        self.stderr.write(f"Good until {link.expires_at:%Y-%m-%d %H:%M} UTC.")


def _make(options: Mapping[str, Any]) -> links.Link:
    sender = the_sender(options["sender"])
    return links.make(
        whom.named(sender, options),
        timezone.now(),
        channel=Channel(options["channel"]),
        purpose=options["purpose"],
        days=options["days"],
    )

"""Makes a key of the API and prints it, once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from consents.models import ApiKey, Sender


class Command(BaseCommand):
    help = "Makes an API key and prints it alone on the last line. It cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="What the key is for.")
        parser.add_argument(
            "--sender", action="append", required=True, help="A sender's key; several are allowed."
        )
        parser.add_argument(
            "--scope",
            action="append",
            required=True,
            help="record, check, read, manage; several with commas or by repeating the option.",
        )
        parser.add_argument(
            "--rate",
            default="",
            help="How often it may call, such as 600/min; otherwise as often as every key.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        key, text = create(
            options["name"],
            _words(options["sender"]),
            _words(options["scope"]),
            options["rate"],
        )
        self.stderr.write(f"{key} may {', '.join(key.scopes)}. Keep the key: it is shown once.")
        self.stdout.write(text)


@transaction.atomic
def create(
    name: str, sender_keys: list[str], scopes: list[str], rate: str = ""
) -> tuple[ApiKey, str]:
    """A saved key and its text. Raises CommandError for senders, scopes or a rate that is none."""
    senders = list(Sender.objects.filter(key__in=sender_keys))
    unknown = sorted(set(sender_keys) - {sender.key for sender in senders})
    if unknown or not senders:
        raise CommandError(f"There is no sender {', '.join(unknown) or 'without a key'}.")
    key, text = ApiKey.issue(name, scopes)
    key.rate = rate
    try:
        key.full_clean()
    except ValidationError as invalid:
        raise CommandError(" ".join(invalid.messages)) from None
    key.save()
    key.senders.set(senders)
    return key, text


def _words(values: Iterable[str]) -> list[str]:
    """In the order given, each once."""
    words = (word.strip() for value in values for word in value.split(","))
    return list(dict.fromkeys(word for word in words if word))

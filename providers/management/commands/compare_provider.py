"""`manage.py compare_provider`: reads a provider's lists back and says where the ledger differs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consents import identifiers
from consents.errors import ConsentError
from providers import drift
from providers.errors import AccountError
from providers.models import Drift, ProviderAccount


class Command(BaseCommand):
    help = (
        "Compare an account's lists with the ledger, where the provider lets them be read. Prints "
        "a line for each difference and leaves it to staff; exits with 1 when there are any."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT", help="Its id or name.")

    def handle(self, *args: Any, **options: Any) -> None:
        account = _account(options["account"])
        try:
            found = drift.compare(account)
        except (AccountError, ConsentError) as error:
            raise CommandError(str(error)) from None
        for line in found:
            self.stdout.write(_words(line))
        self.stdout.write(f"differences: {len(found)}")
        if found:
            raise SystemExit(1)


def _account(name: str) -> ProviderAccount:
    for account in ProviderAccount.objects.select_related("sender"):
        if name in {str(account.id), account.name}:
            return account
    raise CommandError(f"There is no account {name!r}.")


def _words(line: Drift) -> str:
    address = identifiers.masked(line.identity.address or "")
    said = "is on the list and not opted out here" if line.listed else "is missing on the list"
    return f"{line.list_type} {line.identity.channel} {address} {said}"

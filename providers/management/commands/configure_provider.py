"""`manage.py configure_provider`: makes an account at a provider, or changes it."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from consents.models import Sender
from providers import accounts, registry
from providers.models import ProviderAccount


class Command(BaseCommand):
    help = (
        "Make an account at a provider, or change the one of that name; tell it every known "
        "state when it is new. Prints the account's id alone on the last line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("kind", metavar="KIND", choices=registry.kinds())
        parser.add_argument("--sender", required=True, metavar="KEY")
        parser.add_argument("--name", required=True)
        parser.add_argument("--base-url", required=True, metavar="URL")
        parser.add_argument("--external-id", metavar="ID", help="The bot id or app id.")
        parser.add_argument(
            "--set",
            nargs="+",
            action="extend",
            default=[],
            metavar="NAME=VALUE",
            help="Credentials and settings; NAME=@FILE reads the value from a file.",
        )
        parser.add_argument(
            "--baseline",
            action="store_true",
            help="The provider holds the known states already: mark them so and call nobody.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        account = _account(options)
        _put_values(account, options["set"])
        for doubt in _check(account):
            self.stderr.write(f"Warning: {doubt}")
        accounts.save(account, is_baseline=options["baseline"])
        while accounts.catch_up(account.id):
            pass
        self.stdout.write(f"The account {account.name} is configured.")
        self.stdout.write(str(account.id))


def _account(options: dict[str, Any]) -> ProviderAccount:
    sender = Sender.objects.filter(key=options["sender"]).first()
    if sender is None:
        raise CommandError(f"There is no sender {options['sender']!r}.")
    found = ProviderAccount.objects.filter(sender=sender, name=options["name"]).first()
    account = found or ProviderAccount(sender=sender, name=options["name"])
    if found and found.kind != options["kind"]:
        raise CommandError(f"{found.name!r} is an account of kind {found.kind}.")
    account.kind = options["kind"]
    account.base_url = options["base_url"]
    if options["external_id"] is not None:
        account.external_id = options["external_id"]
    return account


def _put_values(account: ProviderAccount, pairs: list[str]) -> None:
    adapter = registry.adapter(account.kind)
    secret = adapter.required_credentials | adapter.optional_credentials
    credentials, settings = dict(account.credentials or {}), dict(account.settings or {})
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise CommandError("Write --set NAME=VALUE.")
        (credentials if name in secret else settings)[name] = _value(name, value)
    account.credentials, account.settings = credentials, settings


def _value(name: str, value: str) -> str:
    if not value.startswith("@"):
        return value
    try:
        return Path(value[1:]).read_text().strip()
    except OSError as error:
        raise CommandError(f"The file for {name} cannot be read: {error.strerror}.") from None


def _check(account: ProviderAccount) -> list[str]:
    """Say all that is wrong with it, before anything is saved; what may be wrong is answered."""
    wrong, doubts = accounts.problems(account)
    try:
        account.clean_fields(exclude=["base_url", "sender"])
        account.validate_unique()
        account.validate_constraints()
    except ValidationError as error:
        wrong += error.messages
    if wrong:
        raise CommandError("\n".join(wrong))
    return doubts

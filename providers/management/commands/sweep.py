"""`manage.py sweep`: does what is due, says what it did and what needs a person."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import close_old_connections

from providers import courier, sweeps
from providers.models import ProviderAccount
from providers.outcomes import FailedReason
from providers.worker import DATABASE_AWAY, Worker

EVERY_SECONDS = 30.0


class Command(BaseCommand):
    help = (
        "Free expired leases, time out results, close customer windows, retry what is due or has "
        "failed for want of time, probe each paused account once, tell subscribers. Prints one "
        "line of counts; exits with 1 when something needs a person."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--loop", action="store_true", help="Keep at it, every 30 seconds.")
        parser.add_argument(
            "--reason",
            action="append",
            choices=[reason.value for reason in FailedReason],
            help="Retry rows that failed for this reason (default: gave_up and no_result).",
        )
        parser.add_argument("--account", help="Only this account, by its id or name.")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        if options["loop"]:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
        if not options["loop"]:
            if self._sweep(options):
                raise SystemExit(1)
            return
        while not stop.is_set():
            try:
                self._sweep(options)
            except DATABASE_AWAY as error:
                self.stderr.write(f"The sweep was cut short ({type(error).__name__}).")
                close_old_connections()
            stop.wait(EVERY_SECONDS)

    def _sweep(self, options: dict[str, Any]) -> sweeps.Needs:
        account = _account(options["account"])
        counts = sweeps.sweep()
        reasons = [FailedReason(reason) for reason in options["reason"] or sweeps.RETRIED]
        counts.retried += sweeps.retry_failed(reasons, account.id if account else None)
        calls = Worker({account.id} if account else None).drain(probe=True)
        notified = courier.drain()
        needs = sweeps.needs()
        self.stdout.write(f"{counts} calls={calls} notified={notified} needs a person: {needs}")
        self.stdout.flush()
        return needs


def _account(name: str | None) -> ProviderAccount | None:
    if name is None:
        return None
    for account in ProviderAccount.objects.all():
        if name in {str(account.id), account.name}:
            return account
    raise CommandError(f"There is no account {name!r}.")

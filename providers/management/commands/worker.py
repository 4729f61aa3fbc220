"""`manage.py worker`: carries what is owed to the providers until told to stop."""

from __future__ import annotations

import signal
from threading import Event
from typing import Any

from django.core.management.base import BaseCommand

from providers.worker import Worker


class Command(BaseCommand):
    help = "Drain the outbox to the providers, and sweep every 30 seconds, until told to stop."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write("The worker is at work.")
        self.stdout.flush()
        Worker().run(stop)

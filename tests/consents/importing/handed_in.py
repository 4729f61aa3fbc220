"""Files handed in at the desk, and the worker at them, for the tests."""

from __future__ import annotations

import io
from threading import Event

from consents.importing import background, intake, pieces
from consents.importing.columns import Manner
from consents.models import ImportFile, Sender
from tests.consents.factories import NUMBER, british_number
from tests.consents.importing.lists import csv_text

ROWS = 12
LIST = csv_text(
    "identity,source,action",
    [
        *(f"{british_number(at)},CRM,opt_in" for at in range(ROWS - 2)),
        f"{NUMBER},CRM,opt_in",
        "no number,CRM,opt_in",
    ],
)
"""Of the last row nothing can be recorded."""


def receive(sender: Sender, content: str | bytes = LIST, name: str = "list.csv") -> ImportFile:
    content = content if isinstance(content, bytes) else content.encode()
    return intake.receive(sender, name, pieces.of(io.BytesIO(content)), "staff:7")


def wanted(sender: Sender, content: str | bytes = LIST, manner: Manner | None = None) -> ImportFile:
    """Handed in, and to be looked at."""
    file = receive(sender, content)
    intake.look(file, manner or Manner())
    return file


def looked_at(sender: Sender, content: str | bytes = LIST) -> ImportFile:
    file = wanted(sender, content)
    work()
    file.refresh_from_db()
    return file


def recorded(sender: Sender, content: str | bytes = LIST) -> ImportFile:
    file = looked_at(sender, content)
    intake.record(file)
    work()
    file.refresh_from_db()
    return file


def work(stop: Event | None = None) -> int:
    """The worker's steps until there is nothing to do; how many they were."""
    steps = 0
    while background.step(stop or Event()):
        steps += 1
    return steps

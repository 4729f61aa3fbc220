"""Lists as rows: contacts, what they said, lines of the ledger; read as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from consents import exporting
from consents.models import ChannelIdentity, Consent, ConsentEvent, Contact
from consents.tabular import Cells, harmless
from consents.timestamps import written

_CHUNK: Final = 2_000


@dataclass(frozen=True, slots=True)
class Extract:
    """`rows`: those of what a list shows, a row of texts or None for each name of the header."""

    title: str
    header: Sequence[str]
    rows: Callable[[QuerySet[Any]], Generator[Cells, None, None]]


def safe(rows: Iterator[Cells]) -> Iterator[Cells]:
    """The same with cells that no spreadsheet runs."""
    for cells in rows:
        yield [harmless(cell) if isinstance(cell, str) else cell for cell in cells]


def _streamed(rows: QuerySet[Any]) -> Iterator[Any]:
    # Only within a transaction does the database send rows as it finds them.
    with transaction.atomic():
        yield from rows.iterator(chunk_size=_CHUNK)


def _contacts(contacts: QuerySet[Contact]) -> Generator[Cells, None, None]:
    for contact in _streamed(contacts.select_related("sender").prefetch_related("identities")):
        about = (contact.sender.key, contact.external_id, contact.display_name, contact.language)
        identities: list[ChannelIdentity | None] = list(contact.identities.all())
        for one in identities or [None]:
            yield (*about, one.channel if one else None, one.address if one else None)


def _consents(contacts: QuerySet[Contact]) -> Generator[Cells, None, None]:
    listed = contacts.order_by().values("pk")
    found = exporting.of(Consent.objects.filter(identity__contact__in=listed))
    yield from map(exporting.cells, found)


def _lines(lines: QuerySet[ConsentEvent]) -> Generator[Cells, None, None]:
    whole = lines.select_related("sender", "identity__contact", "purpose")
    for line in _streamed(whole):
        yield (
            *(str(line.seq), str(line.id), written(line.recorded_at), written(line.occurred_at)),
            *(line.sender.key, line.identity.channel, line.identity.address),
            *(line.identity.contact.external_id, line.action, line.purpose.key),
            *(line.source, line.origin, line.outcome, line.actor),
        )


CONTACTS: Final = Extract(
    "Contacts, a row for each address",
    ("sender", "external_id", "display_name", "language", "channel", "identity"),
    _contacts,
)
CONSENTS: Final = Extract(
    "What they said, a row for each address and purpose", exporting.Row._fields, _consents
)
LINES: Final = Extract(
    "Lines of the ledger",
    (
        *("seq", "event", "recorded_at", "occurred_at", "sender", "channel", "identity"),
        *("external_id", "action", "purpose", "source", "origin", "outcome", "actor"),
    ),
    _lines,
)

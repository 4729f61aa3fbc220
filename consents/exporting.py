"""Who has consented to what, as rows: as it is now, or as it was at any time.

Rows come in one order, by identity and purpose, and are read as they are asked for: the database
sends some thousand at a time, and of the past only what one person said of one purpose is held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

from django.db import transaction
from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from consents import entries, history, tabular, window
from consents.errors import ConsentError
from consents.folding import fold
from consents.models import Consent, Sender
from consents.purposes import PurposeTree
from consents.timestamps import written
from consents.vocabulary import Channel, State
from consents.writing import database_clock

CHUNK: Final = 5_000


class Row(NamedTuple):
    """What one identity has said of one purpose.

    `identity` is None once it is erased. `since`, `source`, `origin` and `event` are those of the
    line that decides. `window_until`: the end of the customer window that is, or was, open.
    """

    sender: str
    channel: str
    identity: str | None
    external_id: str | None
    purpose: str
    state: str
    since: datetime
    source: str
    origin: str
    event: str
    window_until: datetime | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows; None selects all. Raises ConsentError for what there is not."""

    sender: Sender
    channel: str | None = None
    purpose: str | None = None
    state: str | None = None

    def __post_init__(self) -> None:
        if self.channel is not None:
            entries.channel(self.channel)
        if self.purpose is not None:
            PurposeTree.current()[0].named(self.purpose)
        if self.state is not None and self.state not in set(State):
            raise ConsentError("unknown_state", "There is no such state.", "state")

    def of(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of rows that are about an identity and a purpose; the state is not looked at."""
        chosen = Q(identity__sender=self.sender)
        if self.channel is not None:
            chosen &= Q(identity__channel=entries.channel(self.channel).value)
        if self.purpose is not None:
            chosen &= Q(purpose__key=self.purpose)
        return rows.filter(chosen)


_ABOUT: Final = (
    *("identity__sender__key", "identity__channel", "identity__address"),
    "identity__contact__external_id",
    *("purpose__key", "inbound"),
)
_DECIDING: Final = ("state", "since", "event_id", "event__source", "event__origin")


def present(selection: Selection) -> Iterator[Row]:
    """The state of each identity and purpose of which anything was said."""
    return of(_consents(selection))


def of(consents: QuerySet[Consent]) -> Iterator[Row]:
    """The same of these alone."""
    now = database_clock()
    rows = consents.annotate(inbound=F("identity__standing__last_inbound_at"))
    for row in _streamed(rows, *_ABOUT, *_DECIDING):
        decided = (row.state, row.since, row.event__source, row.event__origin, row.event_id)
        yield _row(now, row, decided)


def count(selection: Selection) -> int:
    """How many rows `present` has."""
    return _consents(selection).count()


def past(selection: Selection, at: datetime, *, hindsight: bool = False) -> Iterator[Row]:
    """The same as of another time: from what was known then, or now with `hindsight`.

    Raises ConsentError for a time that is yet to come.
    """
    if at > database_clock():
        raise ConsentError("invalid_at", "This time is yet to come.", "at")
    known_by = None if hindsight else at
    last = history.inbound(at, known_by=known_by).filter(identity=OuterRef("identity"))
    newest = last.order_by("-received_at").values("received_at")[:1]
    lines = selection.of(history.lines(known_by=known_by, occurred_by=at))
    rows = lines.annotate(inbound=Subquery(newest))
    columns = ("identity_id", "purpose_id", "source", *_ABOUT, *history.SAID)
    for _, group in groupby(
        _streamed(rows, *columns), lambda row: (row.identity_id, row.purpose_id)
    ):
        row = _folded(at, list(group))
        if selection.state in (None, row.state):
            yield row


def in_csv(rows: Iterable[Row]) -> Iterator[bytes]:
    """The rows as CSV with a header; what is None is empty."""
    return tabular.in_csv(Row._fields, map(cells, rows))


def in_ndjson(rows: Iterable[Row]) -> Iterator[bytes]:
    """The rows as JSON objects, one a line."""
    return tabular.in_ndjson(Row._fields, map(cells, rows))


def _consents(selection: Selection) -> QuerySet[Consent]:
    rows = selection.of(Consent.objects.all())
    return rows if selection.state is None else rows.filter(state=selection.state)


def _streamed(rows: QuerySet[Any], *columns: str) -> Iterator[Any]:
    named = rows.order_by("identity_id", "purpose_id").values_list(*columns, named=True)
    # Only within a transaction does the database send rows as it finds them.
    with transaction.atomic():
        yield from named.iterator(chunk_size=CHUNK)


def _folded(at: datetime, lines: Sequence[Any]) -> Row:
    """What these lines, all of one identity and purpose, add up to."""
    said = {line.id: line for line in lines}
    state = fold(
        history.statement(*(getattr(line, name) for name in history.SAID)) for line in lines
    )
    deciding = said[state.event]
    decided = (str(state.state), state.since, deciding.source, deciding.origin, deciding.id)
    return _row(at, deciding, decided)


def _row(at: datetime, about: Any, decided: tuple[Any, ...]) -> Row:
    channel = Channel(about.identity__channel)
    state, since, source, origin, event = decided
    return Row(
        sender=about.identity__sender__key,
        channel=channel.value,
        identity=about.identity__address,
        external_id=about.identity__contact__external_id,
        purpose=about.purpose__key,
        state=state,
        since=since,
        source=source,
        origin=origin,
        event=str(event),
        window_until=window.open_until(about.inbound, channel.window, at),
    )


def cells(row: Row) -> Sequence[str | None]:
    """As programs read them: times in ISO 8601."""
    return [written(cell) if isinstance(cell, datetime) else cell for cell in row]

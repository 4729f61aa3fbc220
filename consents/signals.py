"""The bells that are rung in the transaction that changed something.

One event written alone rings Django's own `post_save` of ConsentEvent. Events written together
ring `lines_recorded` once, with all of them. `may_write_changed` rings when whether somebody may
be written to at all has changed without a line about them: the rules of a purpose did.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from django.dispatch import Signal

if TYPE_CHECKING:
    from consents.models import ConsentEvent

lines_recorded = Signal()  # lines: Lines
may_write_changed = Signal()  # identities: list[UUID]


class Line(NamedTuple):
    """A line of the ledger, as far as most who hear of it care."""

    event: UUID
    identity: UUID
    action: str


@dataclass(frozen=True)
class Lines:
    """Lines of one sender written together, in their order.

    `events` are the whole lines; reading them may cost a query, so ask only when they are needed.
    """

    sender: UUID
    lines: Sequence[Line]
    read: Callable[[], Sequence[ConsentEvent]]

    @cached_property
    def events(self) -> Sequence[ConsentEvent]:
        return self.read()

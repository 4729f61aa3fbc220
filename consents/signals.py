"""The bells that are rung in the transaction that changed something.

One event written alone rings Django's own `post_save` of ConsentEvent. Events written together
ring `lines_recorded` once, with all of them. `may_write_changed` rings when whether somebody may
be written to at all has changed without a line about them: the rules of a purpose did.
`to_be_told_again` asks whoever told others about people to do it again.
`ledger_sealed` rings for each seal. `opt_ins_ending` rings once for each opt-in that will soon have
run out.
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
ledger_sealed = Signal()  # seal: Seal
may_write_changed = Signal()  # identities: list[UUID]
to_be_told_again = Signal()  # identities: list[UUID]; answered by how many changes go out
opt_ins_ending = Signal()  # consents: list[Consent], of which `warned_of` is the end


class Line(NamedTuple):
    """A line of the ledger, as far as most who hear of it care."""

    event: UUID
    identity: UUID
    action: str


@dataclass(frozen=True)
class Lines:
    """Lines of one sender written together, in their order.

    `lines` and `events`, which are the whole lines, may cost a query: ask only when they are
    needed, and while the bell rings. `table`: where so many lines lie as well, with the columns of
    Line as `identity_id`, `event_id` and `action`, numbered by `n`; else empty.
    """

    sender: UUID
    list: Callable[[], Sequence[Line]]
    read: Callable[[], Sequence[ConsentEvent]]
    table: str = ""
    count: int = 0

    @cached_property
    def lines(self) -> Sequence[Line]:
        return self.list()

    @cached_property
    def events(self) -> Sequence[ConsentEvent]:
        return self.read()

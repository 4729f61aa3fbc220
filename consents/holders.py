"""Whoever holds rows about people says here how to show them.

This application imports none of its holders: they register themselves when they are ready.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One entry of an identity's timeline.

    `at`: when it was written down, UTC. `kind` and `data` (JSON) are for programs; `title` and
    `lines` are sentences for people. `page` names the admin's page of it: URL name and key.
    """

    at: datetime
    kind: str
    id: UUID
    identity: UUID
    title: str
    lines: Sequence[str] = ()
    tone: str = ""  # success, warning, danger, info, or nothing
    data: Mapping[str, Any] = field(default_factory=dict)
    page: tuple[str, str] | None = None


class Holder(Protocol):
    """Holds rows about identities."""

    def timeline(self, identities: Collection[UUID], limit: int) -> Sequence[Moment]:
        """The newest entries about these identities, newest first, at most `limit`."""


_holders: list[Holder] = []


def register(holder: Holder) -> None:
    if holder not in _holders:
        _holders.append(holder)


def timeline(identities: Collection[UUID], limit: int) -> list[Moment]:
    """What all holders have to show about these identities, newest first, at most `limit`."""
    moments = [one for holder in _holders for one in holder.timeline(identities, limit)]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)[:limit]

"""Whoever holds rows about people says here how to show them, and how to forget them.

This application imports none of its holders: they register themselves when they are ready.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Model, QuerySet

from consents.timestamps import written


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


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to forget. `spellings`: the addresses, as they may stand in what others wrote."""

    identities: Collection[UUID]
    spellings: Collection[str] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What an erasure leaves: a word for programs, how many of it, and a sentence that says why."""

    what: str
    count: int
    why: str


File = Mapping[str, Sequence[Mapping[str, Any]]]
"""What is held of a person: rows of JSON by the name of what they are."""


class Holder:
    """Holds rows about people, in these tables."""

    models: ClassVar[frozenset[type[Model]]]

    def timeline(self, identities: Collection[UUID], limit: int) -> Sequence[Moment]:
        """The newest entries about these identities, newest first, at most `limit`."""
        return ()

    def owed(self, identities: Collection[UUID]) -> Sequence[Kept]:
        """What somebody must still be told of them, for which their address is needed."""
        return ()

    def file(self, identities: Collection[UUID]) -> File:
        """All that these tables hold about them, oldest first."""
        return {}

    def erase(self, person: Person) -> None:
        """Take out all that is personal, except of what is owed.

        Under the locks of the person's standings. Called again when nothing is owed any more.
        """
        raise NotImplementedError


_holders: list[Holder] = []


def register(holder: Holder) -> None:
    if holder not in _holders:
        _holders.append(holder)


def tables() -> frozenset[type[Model]]:
    """Those that some holder answers for."""
    return frozenset().union(*(holder.models for holder in _holders))


def timeline(identities: Collection[UUID], limit: int) -> list[Moment]:
    """What all holders have to show about these identities, newest first, at most `limit`."""
    moments = [one for holder in _holders for one in holder.timeline(identities, limit)]
    return sorted(moments, key=lambda moment: moment.at, reverse=True)[:limit]


def file(identities: Collection[UUID]) -> dict[str, Sequence[Mapping[str, Any]]]:
    """What all holders hold about these identities."""
    return {name: rows for holder in _holders for name, rows in holder.file(identities).items()}


def rows_of(rows: QuerySet[Any], *columns: str, **others: str) -> list[dict[str, Any]]:
    """Rows as JSON, with these columns; `others` names what stands in another table."""
    names = [*columns, *others]
    values = rows.values_list(*columns, *others.values())
    return [dict(zip(names, map(_plain, row), strict=True)) for row in values]


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return written(value)
        case UUID():
            return str(value)
        case bytes() | memoryview():
            return bytes(value).hex()
    return value


def owed(identities: Collection[UUID]) -> list[Kept]:
    return [kept for holder in _holders for kept in holder.owed(identities) if kept.count]


def erase(person: Person) -> None:
    for holder in _holders:
        holder.erase(person)

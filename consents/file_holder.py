"""Files as evidence: what is handed out of them, and how they are forgotten with the person."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Collection
from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import Model, Q, QuerySet

from consents import attachments, holders
from consents.errors import ConsentError
from consents.holders import File, Holder, Person
from consents.models import EvidenceFile
from consents.timestamps import written

HANDED_OUT: Final = 64 * 1024
"""Bytes of a content that stands in the person's file itself; a larger one is named there."""


class FileHolder(Holder):
    models: ClassVar[frozenset[type[Model]]] = frozenset({EvidenceFile})

    def file(self, identities: Collection[UUID]) -> File:
        return {"files": [_row(file) for file in _of(identities).order_by("id")]}

    def erase(self, person: Person) -> None:
        attachments.forget(_of(person.identities))


def _of(identities: Collection[UUID]) -> QuerySet[EvidenceFile]:
    about = Q(event__identity__in=identities) | Q(review__identity__in=identities)
    return EvidenceFile.objects.filter(about)


def _row(file: EvidenceFile) -> dict[str, Any]:
    return {
        "id": str(file.id),
        "event": str(file.event_id) if file.event_id else None,
        "name": file.name,
        "media_type": file.media_type,
        "size": file.size,
        "sha256": file.hexdigest or None,
        "added_by": file.added_by,
        "created_at": written(file.created_at),
        "erased_at": written(file.erased_at) if file.erased_at else None,
        "content": _content(file),
    }


def _content(file: EvidenceFile) -> str | None:
    """In base64; None for what is larger, cannot be read or was forgotten."""
    if file.size > HANDED_OUT:
        return None
    try:
        return b64encode(attachments.content_of(file)).decode()
    except ConsentError:
        return None


def connect() -> None:
    holders.register(_FILES)


_FILES = FileHolder()

"""Files as evidence: read, kept with the line they belong to, looked at again, forgotten.

What comes with a line is committed to with it: its hash stands in the line's evidence. Its name
may be personal and stands beside the content alone. What is attached later changes no line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q, QuerySet

from consents import legal_holds, media
from consents.encryption import Unreadable
from consents.entries import is_storable
from consents.errors import ConsentError
from consents.models import ConsentEvent, EventDetail, EvidenceFile, ReviewItem
from consents.models.base import ClockTimestamp
from consents.models.evidence_files import NOTHING_LEFT
from consents.vocabulary import CONSENT_ACTIONS, Origin
from consents.writing import database_clock

FILE: Final = "file"
"""Its name in a line's evidence."""

MOST: Final = 10
"""Files that a line may have: the page of the line reads them all."""

NAME_MAX: Final = 255
_CHUNK: Final = 100

Done = TypeVar("Done")


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file that may be kept."""

    name: str = field(repr=False)
    media_type: str
    content: bytes = field(repr=False)

    @cached_property
    def sha256(self) -> bytes:
        return sha256(self.content).digest()

    @property
    def size(self) -> int:
        return len(self.content)

    @property
    def hexdigest(self) -> str:
        return self.sha256.hex()


class Look(StrEnum):
    """What is seen when the content is held against its hash."""

    AGREES = "agrees"
    DIFFERS = "differs"
    UNREADABLE = "unreadable"
    FORGOTTEN = "forgotten"


def read(name: str, content: bytes, size: int) -> Attachment:
    """`content` may be the beginning alone of a file of this size that is too large.

    Raises ConsentError `file_empty`, `file_too_large`, `file_unknown`.
    """
    if not size:
        raise ConsentError("file_empty", "The file is empty.", FILE)
    if size > settings.EVIDENCE_FILE_MAX or len(content) < size:
        raise ConsentError("file_too_large", f"The file has more than {limit_in_words()}.", FILE)
    kind = media.media_of(content)
    if kind is None:
        words = ", ".join(one.words for one in media.KINDS)
        message = f"The file is none of these: {words} (in UTF-8)."
        raise ConsentError("file_unknown", message, FILE)
    return Attachment(name=_clean(name, kind), media_type=kind.type, content=content)


def limit_in_words() -> str:
    return f"{settings.EVIDENCE_FILE_MAX / 1024**2:.3g} MB"


def _clean(name: str, kind: media.Media) -> str:
    kept = "".join(letter for letter in name if letter.isprintable() and is_storable(letter))
    ending = kind.suffixes[0]
    return media.named(kept[: NAME_MAX - len(ending)], kind)


def as_evidence(file: Attachment | EvidenceFile | None) -> dict[str, Any]:
    """How the evidence of a line tells of its file."""
    if file is None:
        return {}
    told = {"size": file.size, "media_type": file.media_type}
    return {FILE: {**told, "sha256": file.hexdigest}}


def evidence_of(item: ReviewItem) -> dict[str, Any]:
    """The same of the file that came with a revocation."""
    return as_evidence(EvidenceFile.objects.filter(review=item, erased_at=None).first())


def keep(attachment: Attachment, event: ConsentEvent, *, actor: str) -> EvidenceFile:
    """With the line that it came with, in the transaction that writes the line."""
    return _keep(attachment, actor, event=event)


def keep_for(item: ReviewItem, attachment: Attachment, *, actor: str) -> EvidenceFile:
    """With a revocation of which nobody knows yet whose it is."""
    return _keep(attachment, actor, review=item)


def attach(event: ConsentEvent, attachment: Attachment, *, actor: str) -> EvidenceFile:
    """Keep a file with a line that staff have written before.

    Raises ConsentError `not_by_staff`, `erased`, `already_attached`, `too_many_files`.
    """
    if not takes(event):
        raise ConsentError("not_by_staff", "Only what staff have recorded takes a file.")
    with transaction.atomic():
        # Whoever forgets the evidence of the line waits here, and then finds the file.
        detail = EventDetail.objects.select_for_update().get(pk=event.pk)
        _check_room(detail, attachment)
        return keep(attachment, event, actor=actor)


def takes(event: ConsentEvent) -> bool:
    """Whether files may be attached to this line."""
    return event.origin == Origin.ADMIN and event.action in CONSENT_ACTIONS


def of(event: ConsentEvent) -> QuerySet[EvidenceFile]:
    """The line's files; of a file that came with lines of several addresses each has it."""
    own = Q(event=event)
    named = named_in(event.detail.evidence)
    if named is not None:
        own |= Q(event__identity__contact=event.identity.contact_id, sha256=named)
    return EvidenceFile.objects.filter(own).order_by("id")


def named_in(evidence: Mapping[str, Any]) -> bytes | None:
    """The hash of the file that came with a line; others than staff may write anything there."""
    told = evidence.get(FILE)
    digest = told.get("sha256") if isinstance(told, Mapping) else None
    try:
        return bytes.fromhex(digest) if isinstance(digest, str) and digest else None
    except ValueError:
        return None


def look(file: EvidenceFile) -> Look:
    """Hold the content against the hash that was taken when it came."""
    try:
        content = content_of(file)
    except ConsentError as error:
        return Look.FORGOTTEN if error.code == "erased" else Look.UNREADABLE
    return Look.AGREES if sha256(content).hexdigest() == file.hexdigest else Look.DIFFERS


def content_of(file: EvidenceFile) -> bytes:
    """Raises ConsentError `erased`, and `unreadable` where the key is missing or it was changed."""
    if file.erased_at is not None:
        raise ConsentError("erased", "The file was forgotten.")
    try:
        content: bytes | None = file.content
    except Unreadable:
        message = "The file cannot be read: its key is missing, or it was changed."
        raise ConsentError("unreadable", message) from None
    if content is None:
        raise ConsentError("erased", "The file was forgotten.")
    return content


def settle(item: ReviewItem, event: ConsentEvent) -> None:
    """It has become clear whose revocation it was: its file belongs to their line."""
    EvidenceFile.objects.filter(review=item, erased_at=None).update(event=event)


def forget(files: QuerySet[EvidenceFile]) -> int:
    return files.filter(erased_at=None).update(**NOTHING_LEFT, erased_at=ClockTimestamp())


def forget_unclaimed(older_than: timedelta) -> int:
    """Of revocations that were left since nobody knew whose they were: a chunk; how many."""
    line = database_clock() - older_than
    left = EvidenceFile.objects.filter(event=None, review__decided_at__lt=line, erased_at=None)
    free = left.exclude(review__sender__in=legal_holds.held_senders())
    ids = list(free.values_list("id", flat=True)[:_CHUNK])
    return forget(EvidenceFile.objects.filter(id__in=ids))


def or_without(
    work: Callable[[Attachment | None], Done], file: Attachment | None
) -> tuple[Done, bool]:
    """What comes of the work, and whether its file was kept: an opt-out never fails with its file.

    Where the database does not take it with the file, it is tried without.
    """
    try:
        return work(file), True
    except DatabaseError:
        if file is None or connection.needs_rollback:
            raise
    return work(None), False


def _keep(attachment: Attachment, actor: str, **belongs: Any) -> EvidenceFile:
    return EvidenceFile.objects.create(
        **belongs,
        name=attachment.name,
        media_type=attachment.media_type,
        size=attachment.size,
        sha256=attachment.sha256,
        content=attachment.content,
        added_by=actor,
        created_at=database_clock(),
    )


def _check_room(detail: EventDetail, attachment: Attachment) -> None:
    if detail.erased_at is not None:
        raise ConsentError("erased", "The evidence of this entry was forgotten.")
    kept = EvidenceFile.objects.filter(event=detail.pk)
    if kept.filter(sha256=attachment.sha256).exists():
        raise ConsentError("already_attached", "This very file is attached already.", FILE)
    if kept.count() >= MOST:
        raise ConsentError("too_many_files", f"An entry has at most {MOST} files.", FILE)

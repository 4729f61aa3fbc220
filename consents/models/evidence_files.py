"""Files that show what a line of the ledger says: a letter, a screen, a recording."""

from __future__ import annotations

from typing import Any, Final

from django.db import models

from consents.encryption import EncryptedBytesField
from consents.models.base import new_id
from consents.models.ledger import ConsentEvent
from consents.models.people import ChannelIdentity
from consents.models.review import ReviewItem


class EvidenceFileManager(models.Manager["EvidenceFile"]):
    """Leaves the contents, of megabytes, in the database until they are asked for."""

    def get_queryset(self) -> models.QuerySet[EvidenceFile]:
        return super().get_queryset().defer("content")


class EvidenceFile(models.Model):
    """One file, with the line it belongs to. The database lets it be forgotten, never changed.

    `review`: the revocation that it came with; as long as nobody knows who spoke it has no line.
    `size` in bytes and `sha256` are of the content. `added_by`: as in the ledger. Name, content
    and hash go when it is forgotten.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    # Lines are never deleted, so the database need not look.
    event = models.ForeignKey(
        ConsentEvent,
        on_delete=models.PROTECT,
        null=True,
        related_name="files",
        db_constraint=False,
    )
    review = models.ForeignKey(
        ReviewItem, on_delete=models.PROTECT, null=True, related_name="files"
    )
    name = models.CharField(max_length=255, blank=True)
    media_type = models.CharField(max_length=50)
    size = models.PositiveIntegerField()
    sha256 = models.BinaryField(max_length=32, null=True)
    content = EncryptedBytesField(null=True)
    added_by = models.CharField(max_length=100)
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    objects = EvidenceFileManager()

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="evidencefile_belongs",
                condition=models.Q(event__isnull=False) | models.Q(review__isnull=False),
            ),
            models.CheckConstraint(
                name="evidencefile_whole_or_erased",
                condition=models.Q(
                    erased_at__isnull=True, sha256__isnull=False, content__isnull=False
                )
                | models.Q(
                    erased_at__isnull=False, name="", sha256__isnull=True, content__isnull=True
                ),
            ),
            models.UniqueConstraint(fields=["event", "sha256"], name="evidencefile_once"),
        ]

    def __str__(self) -> str:
        return f"file of {self.created_at:%Y-%m-%d}"

    @property
    def hexdigest(self) -> str:
        """The hash as people compare it; empty when it was forgotten."""
        return bytes(self.sha256).hex() if self.sha256 else ""

    @property
    def identity(self) -> ChannelIdentity | None:
        """Whose line it belongs to, where that is known."""
        return self.event.identity if self.event else None


NOTHING_LEFT: Final[dict[str, Any]] = {"name": "", "sha256": None, "content": None}
"""What is left of a file that is forgotten."""

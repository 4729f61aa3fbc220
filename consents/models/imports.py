"""Files that were imported, and how far."""

from __future__ import annotations

from uuid import UUID

from django.db import models

from consents.models.base import new_id
from consents.models.people import Sender


def actor_of(run: UUID | None) -> str:
    """The actor of the lines that this run writes."""
    return f"import:{run}"


class ImportRun(models.Model):
    """One file being recorded, chunk by chunk. Its lines name it in their evidence.

    `sha256` is of the whole file, `manner` how it is read (columns, defaults, time zone): a run
    that was stopped goes on only for the same file read in the same manner. `position`: the byte
    after the last row that is recorded. `counts`: rows by what came of them. `voided_at`: since
    when its lines are being voided, and none is added.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="imports")
    file_name = models.CharField(max_length=255)
    sha256 = models.BinaryField(max_length=32)
    size = models.BigIntegerField()
    manner = models.JSONField(default=dict)
    actor = models.CharField(max_length=100, blank=True)
    position = models.BigIntegerField(default=0)
    rows = models.BigIntegerField(default=0)
    counts = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)
    voided_by = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ["-started_at", "-id"]
        permissions = [("void_importrun", "Can void an import made in error")]
        indexes = [models.Index(fields=["sender", "sha256"], name="import_by_file")]

    def __str__(self) -> str:
        return f"import {self.started_at:%Y-%m-%d %H:%M}"


class ImportChunk(models.Model):
    """Rows that were recorded in one transaction: their lines lie between these two of the ledger.

    Others may have written between them; the actor of a line names the run it belongs to.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    run = models.ForeignKey(ImportRun, on_delete=models.PROTECT, related_name="chunks")
    position = models.BigIntegerField()
    rows = models.PositiveIntegerField()
    first_seq = models.BigIntegerField(null=True)
    last_seq = models.BigIntegerField(null=True)
    recorded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="chunk_once")]

    def __str__(self) -> str:
        return f"{self.rows} rows to {self.position}"

"""Files that were imported, and how far; files handed in at the desk, and what they hold."""

from __future__ import annotations

from uuid import UUID

from django.db import models

from consents.models.base import choices, new_id, one_of
from consents.models.people import Sender
from consents.vocabulary import FileStatus


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
        verbose_name = "import"
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


class ImportFile(models.Model):
    """A file that staff handed in: looked at, and then recorded, by the worker.

    `position`: up to which byte it has been looked at. `taken_up`: how often a worker has begun on
    it that neither got further nor put it down, as one that is killed. `counts`: the rows by what
    would come of them. `run`: what records it. `trouble`: a code and a sentence, where something
    stands in the way. Its contents are personal and lie in pieces, which are deleted when it is
    done with.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="import_files")
    name = models.CharField(max_length=255)
    sha256 = models.BinaryField(max_length=32)
    size = models.BigIntegerField(default=0)
    actor = models.CharField(max_length=100)
    received_at = models.DateTimeField()
    manner = models.JSONField(default=dict)
    status = models.CharField(
        max_length=10, choices=choices(FileStatus), default=FileStatus.RECEIVED.value
    )
    is_again = models.BooleanField(default=False)
    position = models.BigIntegerField(default=0)
    taken_up = models.PositiveSmallIntegerField(default=0)
    counts = models.JSONField(default=dict)
    run = models.ForeignKey(ImportRun, on_delete=models.PROTECT, null=True, related_name="files")
    trouble_code = models.CharField(max_length=50, blank=True)
    trouble = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        # Who may do what with it is said by the permissions of the imports.
        default_permissions = ()
        ordering = ["-id"]
        constraints = [one_of("status", FileStatus)]

    def __str__(self) -> str:
        return self.name


class ImportPiece(models.Model):
    """Some bytes of a file, or of the list of its rows of one category (`part`)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    file = models.ForeignKey(
        ImportFile, on_delete=models.CASCADE, related_name="pieces", db_index=False
    )
    part = models.CharField(max_length=20)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["file", "part", "number"], name="piece_once")
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.number}"

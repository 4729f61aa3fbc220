"""Seals over the ledger: who signed that these lines, and no others, stood there at that time."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db import models

from consents.commitments import canonical
from consents.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from consents.models.base import new_id
from consents.timestamps import written

HASH_BYTES = 32


class SealKeyQuerySet(AppendOnlyQuerySet["SealKey"]):
    """Keys to be read."""


class SealKey(AppendOnlyModel):
    """A public key that has signed seals. That it is here does not make anybody trust it.

    `id`: the first 16 hexadecimal digits of the SHA-256 of the key.
    """

    id = models.CharField(primary_key=True, max_length=16, editable=False)
    public = models.BinaryField(max_length=32, help_text="Ed25519, 32 bytes.")
    first_used_at = models.DateTimeField()

    objects = SealKeyQuerySet.as_manager()

    class Meta(AppendOnlyModel.Meta):
        ordering = ["first_used_at"]

    def __str__(self) -> str:
        return self.id


class SealQuerySet(AppendOnlyQuerySet["Seal"]):
    def light(self) -> SealQuerySet:
        """Without `leaves`, which are 2 MB in a full seal."""
        return self.defer("leaves")


class Seal(AppendOnlyModel):
    """One signature over the lines with `after < seq <= upto`.

    `number`: 1, 2, 3 without a gap. `root`: of the Merkle tree over the lines in their order
    (`consents.merkle`, `consents.leaves`). `previous`: the `digest` of the seal before; zeros for
    the first. `leaves`: the hashes of the lines one after another, so that what does not fit can
    be named; they are not signed, the root that they lead to is. `purposes`: the hash of what
    purposes mean (`consents.meanings`); `meanings`: that itself, where it is not as in the seal
    before. `format`: which columns of a line are sealed, and how they are written.
    """

    number = models.BigIntegerField(primary_key=True, editable=False)
    format = models.SmallIntegerField()
    after = models.BigIntegerField()
    upto = models.BigIntegerField(unique=True)
    count = models.IntegerField()
    root = models.BinaryField(max_length=HASH_BYTES)
    previous = models.BinaryField(max_length=HASH_BYTES)
    purposes = models.BinaryField(max_length=HASH_BYTES)
    sealed_at = models.DateTimeField()
    key = models.ForeignKey(SealKey, on_delete=models.PROTECT, related_name="+", db_index=False)
    signature = models.BinaryField(max_length=64)
    leaves = models.BinaryField()
    meanings = models.JSONField(null=True)

    objects = SealQuerySet.as_manager()

    class Meta(AppendOnlyModel.Meta):
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(
                name="seal_numbered_from_one", condition=models.Q(number__gte=1, count__gte=1)
            ),
            models.CheckConstraint(
                name="seal_goes_forward", condition=models.Q(upto__gt=models.F("after"))
            ),
        ]
        indexes = [
            models.Index(
                fields=["number"],
                name="seal_with_meanings",
                condition=models.Q(meanings__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"Seal {self.number}, lines up to {self.upto}"

    def statement(self) -> dict[str, Any]:
        """What is signed, as JSON: every column but the signature and what is behind hashes."""
        return {
            "after": self.after,
            "count": self.count,
            "format": self.format,
            "key": self.key_id,
            "number": self.number,
            "previous": bytes(self.previous).hex(),
            "purposes": bytes(self.purposes).hex(),
            "root": bytes(self.root).hex(),
            "sealed_at": written(self.sealed_at),
            "type": "optbook.seal",
            "upto": self.upto,
        }

    def hashes(self) -> list[bytes]:
        """Those of the lines, in their order."""
        kept = bytes(self.leaves)
        return [kept[at : at + HASH_BYTES] for at in range(0, len(kept), HASH_BYTES)]

    def signed_bytes(self) -> bytes:
        return canonical(self.statement()).encode()

    def digest(self) -> bytes:
        """By which the next seal, and whoever keeps seals outside, holds this one (SHA-256)."""
        return hashlib.sha256(self.signed_bytes() + bytes(self.signature)).digest()


class Verification(models.Model):
    """That the ledger was verified once, and what came of it: so many `findings`, none if good."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    verified_at = models.DateTimeField()
    seals = models.BigIntegerField()
    lines = models.BigIntegerField()
    findings = models.BigIntegerField()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"verified {self.verified_at:%Y-%m-%d %H:%M}"

"""The ledger's table once more, as a model that guards nothing: for the floor of recording."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from consents.models.base import new_id, sequence_field


class Line(models.Model):
    """A line of the ledger with plain columns for what it refers to, so that nothing is looked up.

    It has neither detail nor state: a floor writes one row and no more.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    seq = sequence_field("consents_consentevent_seq")
    sender_id = models.UUIDField()
    identity_id = models.UUIDField()
    action = models.CharField(max_length=20)
    purpose_id = models.UUIDField()
    source = models.CharField(max_length=25)
    origin = models.CharField(max_length=16, default="api", editable=False)
    actor = models.CharField(max_length=100, blank=True)
    lifts = models.CharField(max_length=8, default="nothing", editable=False)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    effective = models.BooleanField(default=False, editable=False)
    outcome = models.CharField(max_length=16, default="no_change", editable=False)
    address_commitment = models.BinaryField(default=bytes(32))
    detail_commitment = models.BinaryField(default=bytes(32))

    objects: ClassVar[models.Manager[Line]] = models.Manager()

    class Meta:
        app_label = "bench"
        managed = False
        db_table = "consents_consentevent"

    def __str__(self) -> str:
        return f"{self.action} {self.occurred_at:%Y-%m-%d}"

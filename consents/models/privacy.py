"""What is kept of people and for how long; who asked to be forgotten, or what is known of them."""

from __future__ import annotations

from django.db import models

from consents.models.base import new_id
from consents.models.people import Contact, Sender


class Erasure(models.Model):
    """A contact being erased: asked for at once, finished when nobody is owed word of it any more.

    `actor`: who carried it out, as in the ledger.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="erasures")
    actor = models.CharField(max_length=100, blank=True)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["contact"],
                name="erasure_one_unfinished",
                condition=models.Q(finished_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"erasure of {self.asked_at:%Y-%m-%d}"


class Disclosure(models.Model):
    """That somebody took out all that is known of a contact. `actor`: as in the ledger."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="disclosures")
    actor = models.CharField(max_length=100)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"disclosure of {self.at:%Y-%m-%d}"


class RetentionRule(models.Model):
    """How long one kind of rows is kept, where that is not what it is by default.

    `kind` is one that `consents.retention` knows. `days` None: for good.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    kind = models.CharField(max_length=32, unique=True)
    days = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: kept for good.")

    class Meta:
        ordering = ["kind"]

    def __str__(self) -> str:
        return f"{self.kind}: {self.days or 'for good'}"


class LegalHold(models.Model):
    """While it is on, nothing is forgotten of a contact, or of anybody of the sender.

    `contact` None: the whole sender. The actors are named as in the ledger.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="legal_holds")
    contact = models.ForeignKey(
        Contact, on_delete=models.PROTECT, null=True, blank=True, related_name="legal_holds"
    )
    reason = models.CharField(max_length=500, help_text="Which case. No word about the person.")
    placed_by = models.CharField(max_length=100, editable=False)
    placed_at = models.DateTimeField(editable=False)
    lifted_by = models.CharField(max_length=100, blank=True, editable=False)
    lifted_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["-placed_at", "-id"]

    def __str__(self) -> str:
        return f"legal hold of {self.placed_at:%Y-%m-%d}"

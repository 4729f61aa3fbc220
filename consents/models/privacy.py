"""Who asked to be forgotten or what is known of them, and how far that is."""

from __future__ import annotations

from django.db import models

from consents.models.base import new_id
from consents.models.people import Contact


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

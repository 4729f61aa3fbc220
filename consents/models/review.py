"""What a person has to decide."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from consents.models.base import choices, new_id
from consents.models.people import ChannelIdentity, Sender
from consents.models.purposes import Purpose
from consents.vocabulary import Channel, Medium


class ReviewItem(models.Model):
    """One question for staff. Its subject is named by kind, id and URL, wherever that lives.

    `kind` says what raised it: `held` (a stop word inside a longer text), `would_resurrect`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+")
    identity = models.ForeignKey(
        ChannelIdentity, on_delete=models.PROTECT, null=True, blank=True, related_name="reviews"
    )
    kind = models.CharField(max_length=32)
    subject_kind = models.CharField(max_length=32, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_url = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.CharField(max_length=100, blank=True)
    decision = models.CharField(max_length=32, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_kind", "subject_id"],
                name="review_item_once",
                condition=~models.Q(subject_id=""),
            )
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="review_item_open",
                condition=models.Q(decided_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.created_at:%Y-%m-%d}"


class Revocation(models.Model):
    """Somebody took their consent back otherwise than by a message: by telephone, by letter.

    `person`: who they said they are, as long as nobody has found them; empty once it is decided.
    `channels`: where they want to be left alone; none: everywhere.
    """

    review = models.OneToOneField(
        ReviewItem, on_delete=models.CASCADE, primary_key=True, related_name="revocation"
    )
    person = models.CharField(max_length=320, blank=True)
    channels = ArrayField(
        models.CharField(max_length=16, choices=choices(Channel)), default=list, blank=True
    )
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="+")
    medium = models.CharField(max_length=16, choices=choices(Medium))
    received_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.medium} of {self.received_at:%Y-%m-%d}"

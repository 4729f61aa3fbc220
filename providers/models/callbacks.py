"""What they tell us, as it came, and where their lists differ from the ledger."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from consents.models import ChannelIdentity, ReviewItem
from consents.models.base import choices, new_id, one_of, sequence_field
from providers.models.accounts import ProviderAccount
from providers.outcomes import CallbackStatus


class ProviderCallback(models.Model):
    """One request that a provider made to us, stored as it came, before it is understood.

    `digest` is of the account and the body: a repeat is the same row. `nonce`: the signature's,
    where there is one. Body and headers are the evidence for what was applied; `identities` are
    the people it was found to speak of, by ChannelIdentity.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(
        ProviderAccount, on_delete=models.PROTECT, related_name="callbacks", db_index=False
    )
    seq = sequence_field("providers_providercallback_seq")
    received_at = models.DateTimeField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    digest = models.BinaryField(max_length=32)
    nonce = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=12, choices=choices(CallbackStatus), default=CallbackStatus.STORED.value
    )
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    outcome = models.CharField(
        max_length=500, blank=True, help_text="What it came to, without personal data."
    )
    identities = ArrayField(models.UUIDField(), default=list, blank=True)

    class Meta:
        ordering = ["-seq"]
        constraints = [
            models.UniqueConstraint(fields=["account", "digest"], name="callback_once"),
            one_of("status", CallbackStatus),
        ]
        indexes = [
            models.Index(
                fields=["due_at", "seq"],
                name="callback_waiting",
                condition=models.Q(status=CallbackStatus.STORED.value),
            ),
            models.Index(
                fields=["account", "nonce"],
                name="callback_by_nonce",
                condition=~models.Q(nonce=""),
            ),
            GinIndex(fields=["identities"], name="callback_by_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.received_at:%Y-%m-%d %H:%M:%S}Z"


class Drift(models.Model):
    """A line on which a provider's lists and the ledger differ, as it was found.

    `listed`: the provider has the identity on its list `list_type`, which the ledger contradicts;
    else it is missing there. `answer`: what the provider said, as evidence. The review item is
    what staff decide.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    review = models.OneToOneField(ReviewItem, on_delete=models.CASCADE, related_name="drift")
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="drifts")
    identity = models.ForeignKey(ChannelIdentity, on_delete=models.PROTECT, related_name="drifts")
    list_type = models.CharField(max_length=32)
    listed = models.BooleanField()
    answer = models.JSONField(default=dict)
    found_at = models.DateTimeField()

    class Meta:
        ordering = ["-found_at", "-id"]

    def __str__(self) -> str:
        return f"{self.list_type} {self.found_at:%Y-%m-%d}"

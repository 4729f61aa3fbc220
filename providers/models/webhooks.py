"""Who wants to hear what happened, and what they are owed."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from consents.encryption import EncryptedJSONField
from consents.models import ChannelIdentity, ConsentEvent, Sender
from consents.models.base import choices, new_id, one_of, sequence_field
from providers.contract import Kind
from providers.models.accounts import ProviderAccount
from providers.outcomes import SUBSCRIBABLE, DeliveryStatus, SignatureStyle, Trigger


class WebhookEndpoint(models.Model):
    """A subscriber of a sender: where it listens, what it wants to hear, how it is signed.

    `secret`: `current`, and for a day after a change `former`, until `former_until`.
    `failing_since`: no delivery has succeeded since; after days of it the endpoint is paused.
    `failures`: how often in a row it failed; until `wait_until` it is left alone.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="webhook_endpoints")
    url = models.URLField(max_length=742)
    triggers = ArrayField(models.CharField(max_length=20, choices=choices(SUBSCRIBABLE)))
    signature = models.CharField(
        max_length=10, choices=choices(SignatureStyle), default=SignatureStyle.STANDARD.value
    )
    secret = EncryptedJSONField()
    is_active = models.BooleanField(default=True)
    paused_at = models.DateTimeField(null=True, editable=False)
    pause_reason = models.CharField(max_length=200, blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    wait_until = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["url"]
        constraints = [one_of("signature", SignatureStyle)]

    def __str__(self) -> str:
        return self.url


class Registration(models.Model):
    """An opt-in or opt-out whose result subscribers are to hear, until it is known.

    `account`: the one that was named; none: all of the sender's. `request_id` and `contact_ref`:
    what the caller of a drop-in gave, echoed. `refusal`: why it ended without a line.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+")
    event = models.ForeignKey(ConsentEvent, on_delete=models.PROTECT, null=True, related_name="+")
    identity = models.ForeignKey(
        ChannelIdentity, on_delete=models.PROTECT, null=True, related_name="registrations"
    )
    account = models.ForeignKey(
        ProviderAccount, on_delete=models.PROTECT, null=True, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=choices(Kind))
    channel = models.CharField(max_length=16)
    request_id = models.CharField(max_length=200, blank=True)
    contact_ref = models.CharField(max_length=200, blank=True)
    refusal = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [one_of("kind", Kind)]
        indexes = [
            models.Index(
                fields=["created_at"],
                name="registration_waiting",
                condition=models.Q(told_at=None),
            ),
            models.Index(fields=["identity"], name="registration_by_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at:%Y-%m-%d %H:%M:%S}Z"


class WebhookDelivery(models.Model):
    """One notification owed to one endpoint; in order for each identity.

    `body` is what is sent, as it was when the thing happened. `request_id`: which registration it
    answers, as the caller of a drop-in named it.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries"
    )
    seq = sequence_field("providers_webhookdelivery_seq")
    trigger = models.CharField(max_length=20, choices=choices(Trigger))
    identity = models.ForeignKey(
        ChannelIdentity, on_delete=models.PROTECT, null=True, related_name="webhook_deliveries"
    )
    event = models.ForeignKey(ConsentEvent, on_delete=models.PROTECT, null=True, related_name="+")
    body = models.JSONField()
    request_id = models.CharField(max_length=200, blank=True)
    status = models.CharField(
        max_length=10, choices=choices(DeliveryStatus), default=DeliveryStatus.PENDING.value
    )
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    status_code = models.PositiveSmallIntegerField(null=True)
    text = models.CharField(max_length=500, blank=True, help_text="What came back, shortened.")
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-seq"]
        verbose_name_plural = "webhook deliveries"
        constraints = [one_of("trigger", Trigger), one_of("status", DeliveryStatus)]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"],
                name="delivery_due",
                condition=models.Q(status=DeliveryStatus.PENDING.value),
            ),
            models.Index(
                fields=["endpoint", "identity", "seq"],
                name="delivery_open",
                condition=models.Q(
                    status__in=[DeliveryStatus.PENDING.value, DeliveryStatus.SENDING.value]
                ),
            ),
            models.Index(
                fields=["endpoint", "lease_until"],
                name="delivery_in_flight",
                condition=models.Q(status=DeliveryStatus.SENDING.value),
            ),
            models.Index(fields=["identity"], name="delivery_by_identity"),
            models.Index(fields=["ended_at"], name="delivery_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.trigger} {self.status}"

"""Who must be told, what they are owed, and every call that was made for it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from consents.encryption import EncryptedJSONField
from consents.models import ChannelIdentity, ConsentEvent, ReviewItem, Sender
from consents.models.base import choices, new_id, one_of, sequence_field
from providers.contract import Account, Fault, Kind, Result
from providers.outcomes import (
    OPEN,
    SUBSCRIBABLE,
    CallbackStatus,
    DeliveryStatus,
    FailedReason,
    SignatureStyle,
    Status,
    Trigger,
)


class ProviderAccount(models.Model):
    """One configured account at a provider, of one sender.

    The circuit: while `paused_until` lies ahead, no call is made; then one probe goes alone.
    `pauses` counts the pauses since the last success. `refusals` counts lone rows in a row that
    were refused with `refusal_code`. While `catch_up` is set, the states known before the account
    was there are put in its outbox, behind `catch_up_after`.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="accounts")
    kind = models.CharField(max_length=32)
    name = models.CharField(max_length=200)
    base_url = models.URLField(max_length=300)
    external_id = models.CharField(
        max_length=200, blank=True, help_text="The bot id or app id, where the provider has one."
    )
    settings = models.JSONField(default=dict, blank=True)
    credentials = EncryptedJSONField(default=dict)
    is_enabled = models.BooleanField(default=True)
    is_held = models.BooleanField(
        default=False, help_text="Paused by staff: rows wait until it is released."
    )
    catch_up = models.CharField(
        max_length=8,
        blank=True,
        choices=choices(Kind),
        editable=False,
        help_text="Which known states it is being told: opt-outs first, then opt-ins.",
    )
    catch_up_after = models.UUIDField(null=True, editable=False)
    catch_up_is_baseline = models.BooleanField(default=False, editable=False)
    paused_until = models.DateTimeField(null=True, editable=False)
    paused_since = models.DateTimeField(null=True, editable=False)
    pauses = models.PositiveIntegerField(default=0, editable=False)
    fault = models.CharField(max_length=16, blank=True, choices=choices(Fault), editable=False)
    fault_code = models.CharField(max_length=64, blank=True, editable=False)
    fault_text = models.CharField(max_length=500, blank=True, editable=False)
    refusals = models.PositiveIntegerField(default=0, editable=False)
    refusal_code = models.CharField(max_length=64, blank=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    withdrawn_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since when the provider no longer takes registrations.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["sender", "name"], name="account_name_unique"),
            models.UniqueConstraint(
                fields=["kind", "external_id"],
                name="account_external_id_unique",
                condition=~models.Q(external_id=""),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def plain(self) -> Account:
        """The account as an adapter sees it."""
        return Account(
            id=str(self.id),
            kind=self.kind,
            base_url=self.base_url,
            external_id=self.external_id,
            is_withdrawn=self.withdrawn_at is not None,
            credentials=dict(self.credentials or {}),
            settings=dict(self.settings or {}),
        )


class ProviderSync(models.Model):
    """One consent change owed to one account: a row of the outbox.

    `event` is the line that caused it. `due_at`: not before. `lease` and `lease_until`: who holds
    the row, and how long. `batch_max`: the most rows it may share a call with, since a larger
    batch with it was refused. `is_uncertain`: an earlier call for this pair ended without an
    answer, so the next success is sent once more; `is_resend`: this is that once more.
    `suspect_since`: it met a fault of the account, and may be what causes it: it goes last.
    `seen_at`: somebody has seen that it failed, and leaves it so. `heard_at`: the provider's result
    for it came by callback.
    The row's id is the request id that the provider is given.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="syncs")
    identity = models.ForeignKey(ChannelIdentity, on_delete=models.PROTECT, related_name="syncs")
    event = models.ForeignKey(ConsentEvent, on_delete=models.PROTECT, null=True, related_name="+")
    seq = sequence_field("providers_providersync_seq")
    kind = models.CharField(max_length=8, choices=choices(Kind))
    status = models.CharField(max_length=16, choices=choices(Status), default=Status.PENDING.value)
    reason = models.CharField(max_length=16, blank=True, choices=choices(FailedReason))
    code = models.CharField(max_length=64, blank=True, help_text="The provider's own.")
    text = models.CharField(max_length=500, blank=True, help_text="The provider's own.")
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    batch_max = models.PositiveSmallIntegerField(null=True)
    suspect_since = models.DateTimeField(null=True)
    is_uncertain = models.BooleanField(default=False)
    is_resend = models.BooleanField(default=False)
    seen_at = models.DateTimeField(null=True)
    heard_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "identity"],
                name="sync_one_waits",
                condition=models.Q(status=Status.PENDING.value),
            ),
            models.UniqueConstraint(
                fields=["account", "identity"],
                name="sync_one_flies",
                condition=models.Q(status=Status.SENDING.value),
            ),
            models.CheckConstraint(
                name="sync_failed_says_why",
                condition=models.Q(status=Status.FAILED.value) ^ models.Q(reason=""),
            ),
            models.CheckConstraint(
                name="sync_sending_has_lease",
                condition=~models.Q(status=Status.SENDING.value)
                | models.Q(lease__isnull=False, lease_until__isnull=False),
            ),
            one_of("kind", Kind),
            one_of("status", Status),
        ]
        indexes = [
            models.Index(
                fields=["account", "kind", "due_at"],
                name="sync_due",
                condition=models.Q(status=Status.PENDING.value),
            ),
            models.Index(
                fields=["account", "lease_until"],
                name="sync_in_flight",
                condition=models.Q(status=Status.SENDING.value),
            ),
            models.Index(
                fields=["sent_at"],
                name="sync_awaiting",
                condition=models.Q(status=Status.AWAITING_RESULT.value),
            ),
            models.Index(
                fields=["account", "reason"],
                name="sync_failed",
                condition=models.Q(status=Status.FAILED.value),
            ),
            models.Index(fields=["identity", "account", "seq"], name="sync_by_pair"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


class SyncAttempt(models.Model):
    """One HTTP call made for one row, masked. Rows sent together share `call`."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sync = models.ForeignKey(ProviderSync, on_delete=models.CASCADE, related_name="attempts_made")
    call = models.UUIDField()
    started_at = models.DateTimeField()
    elapsed_ms = models.PositiveIntegerField()
    status_code = models.PositiveSmallIntegerField(null=True)
    result = models.CharField(max_length=16, choices=choices(Result))
    code = models.CharField(max_length=64, blank=True)
    text = models.CharField(max_length=500, blank=True)
    trace = models.JSONField(default=list)

    class Meta:
        ordering = ["-started_at", "-id"]

    def __str__(self) -> str:
        return f"{self.result} {self.started_at:%Y-%m-%d %H:%M:%S}Z"


class ProviderCallback(models.Model):
    """One request that a provider made to us, stored as it came, before it is understood.

    `digest` is of the account and the body: a repeat is the same row. `nonce`: the signature's,
    where there is one. Body and headers are the evidence for what was applied; `identities` are
    the people it was found to speak of, by ChannelIdentity.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(ProviderAccount, on_delete=models.PROTECT, related_name="callbacks")
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

"""What they are owed, and every call that was made for it."""

from __future__ import annotations

from django.db import models

from consents.models import ChannelIdentity, ConsentEvent
from consents.models.base import choices, new_id, one_of, sequence_field
from providers.contract import Kind, Result
from providers.models.accounts import ProviderAccount
from providers.outcomes import OPEN, FailedReason, Status


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
    # Whoever has a row has lines of the ledger, which hold on to the identity; and no line goes.
    identity = models.ForeignKey(
        ChannelIdentity,
        on_delete=models.PROTECT,
        related_name="syncs",
        db_index=False,
        db_constraint=False,
    )
    event = models.ForeignKey(
        ConsentEvent,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
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
                name="sync_only_sending_has_lease",
                condition=models.Q(
                    status=Status.SENDING.value, lease__isnull=False, lease_until__isnull=False
                )
                | (~models.Q(status=Status.SENDING.value) & models.Q(lease__isnull=True)),
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
    # Written by whoever made the row's call; a row is deleted a month after it has ended.
    sync = models.ForeignKey(
        ProviderSync, on_delete=models.CASCADE, related_name="attempts_made", db_constraint=False
    )
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

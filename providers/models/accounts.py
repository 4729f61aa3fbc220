"""Who must be told: accounts at providers, and how they are doing."""

from __future__ import annotations

from django.db import models

from consents.encryption import EncryptedJSONField
from consents.models import Sender
from consents.models.base import choices, new_id
from providers.contract import Account, Fault, Kind


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

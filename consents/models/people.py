"""Who is written to, and in whose name."""

from __future__ import annotations

from django.core.validators import URLValidator
from django.db import models

from consents.models.base import LANGUAGE_MAX, choices, is_language_tag, new_id, one_of
from consents.vocabulary import Channel, StopScope


class Sender(models.Model):
    """The business identity to which consent is given: a brand, a legal entity."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.SlugField(max_length=64, unique=True, help_text="How programs name it.")
    name = models.CharField(max_length=200)
    stop_scope = models.CharField(
        max_length=10,
        choices=choices(StopScope),
        default=StopScope.CHANNEL.value,
        help_text="Whether a person's own opt-out counts for all their identities on that "
        "channel, or on every channel.",
    )
    legal_name = models.CharField(
        max_length=200,
        blank=True,
        help_text="Who answers for people's data, as registered; else the name.",
    )
    postal_address = models.CharField(max_length=500, blank=True)
    contact_details = models.CharField(
        max_length=200,
        blank=True,
        help_text="How people reach whoever answers for their data: an e-mail address, a number.",
    )
    jurisdiction = models.CharField(
        max_length=100, blank=True, help_text="Whose law applies, for example SE."
    )
    privacy_notice = models.CharField(
        max_length=500,
        blank=True,
        validators=[URLValidator(["https", "http"])],
        help_text="The address of the page where it is.",
    )
    privacy_rights = models.CharField(
        max_length=500, blank=True, help_text="Which rights people have, and how they use them."
    )
    withdrawal_method = models.CharField(
        max_length=500,
        blank=True,
        help_text="How people take their consent back, for example: reply STOP.",
    )
    storage_locations = models.CharField(
        max_length=200, blank=True, help_text="Where their data is kept, for example EU."
    )
    recipients = models.CharField(
        max_length=500, blank=True, help_text="Who else gets their data, with commas in between."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["key"]
        constraints = [one_of("stop_scope", StopScope)]

    def __str__(self) -> str:
        return self.name or self.key


class Contact(models.Model):
    """A person as one sender knows them."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(
        Sender, on_delete=models.PROTECT, related_name="contacts", db_index=False
    )
    external_id = models.CharField(
        max_length=200, null=True, blank=True, help_text="The CRM's id for this person."
    )
    display_name = models.CharField(max_length=200, blank=True)
    language = models.CharField(
        max_length=LANGUAGE_MAX,
        blank=True,
        validators=[is_language_tag],
        help_text="BCP 47, for example sv or pt-BR.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        permissions = [
            ("export_contact", "Can take lists of people and of the ledger out"),
            ("erase_contact", "Can erase a contact"),
            ("disclose_contact", "Can take out all that is known of a contact"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "external_id"], name="contact_external_id_unique"
            ),
            models.CheckConstraint(
                name="contact_external_id_not_empty", condition=~models.Q(external_id="")
            ),
        ]

    def __str__(self) -> str:
        return self.display_name or self.external_id or str(self.id)

    @property
    def is_stranger(self) -> bool:
        """Made by Optbook because an address was met; nobody has said who it is."""
        return not self.external_id and not self.display_name


class ChannelIdentity(models.Model):
    """One address of a contact on one channel.

    `address` and `lookup_key` go when the person is erased; `digest` stays, so that the same
    address is recognised when it comes again.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(
        Sender, on_delete=models.PROTECT, related_name="identities", db_index=False
    )
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="identities")
    channel = models.CharField(max_length=16, choices=choices(Channel))
    address = models.CharField(max_length=320, null=True, editable=False)
    lookup_key = models.CharField(max_length=320, null=True, editable=False)
    digest = models.BinaryField(max_length=32, editable=False)
    warnings = models.JSONField(default=list, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "channel identities"
        permissions = [("move_channelidentity", "Can move an address to another contact")]
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "channel", "lookup_key"], name="identity_lookup_key_unique"
            ),
            models.UniqueConstraint(
                fields=["sender", "channel", "digest"], name="identity_digest_unique"
            ),
            models.CheckConstraint(
                name="identity_address_with_lookup_key",
                condition=models.Q(address__isnull=True, lookup_key__isnull=True)
                | models.Q(address__isnull=False, lookup_key__isnull=False),
            ),
            one_of("channel", Channel),
        ]
        indexes = [models.Index(fields=["lookup_key"], name="identity_by_lookup_key")]

    def __str__(self) -> str:
        return f"{self.channel} {self.address or '(erased)'}"

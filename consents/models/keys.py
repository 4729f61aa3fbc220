"""Who may call the API, and what they have already been answered."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from functools import cached_property

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from consents import rates
from consents.models.base import choices, new_id
from consents.models.people import Sender
from consents.vocabulary import Scope


def _check_scopes(scopes: list[str]) -> None:
    unknown = sorted(set(scopes) - {scope.value for scope in Scope})
    if unknown or not scopes:
        raise ValidationError("Scopes are record, check, read and manage.")


def _check_rate(text: str) -> None:
    try:
        rates.read(text)
    except ValueError as error:
        raise ValidationError(str(error)) from None


class ApiKey(models.Model):
    """A key of the API: `ob_<prefix>_<secret>`, of which only a hash is kept.

    `prefix`, the part before the last `_`, is public: it names the key in logs and pages.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=24, unique=True, editable=False)
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=8, choices=choices(Scope)), validators=[_check_scopes]
    )
    senders = models.ManyToManyField(Sender, related_name="api_keys")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    rate = models.CharField(
        max_length=20,
        blank=True,
        validators=[_check_rate],
        help_text="How often it may call, such as 600/min; empty: as often as every key.",
    )
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    @staticmethod
    def digest_of(key: str) -> bytes:
        """SHA-256: the key holds 256 random bits, so nothing slower protects it better."""
        return hashlib.sha256(key.encode()).digest()

    @classmethod
    def issue(cls, name: str, scopes: list[str]) -> tuple[ApiKey, str]:
        """An unsaved key and its text, which cannot be had again."""
        prefix = f"ob_{secrets.token_hex(6)}"
        text = f"{prefix}_{secrets.token_hex(32)}"
        return cls(name=name, scopes=scopes, prefix=prefix, digest=cls.digest_of(text)), text

    @cached_property
    def acts_for(self) -> list[Sender]:
        """The senders that it was given, as they were when it was read."""
        return list(self.senders.all())

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class Use(models.Model):
    """How many calls somebody has made since `began_at`.

    The tables are UNLOGGED: counting costs little, and begins anew after a crash of the database.
    """

    began_at = models.DateTimeField()
    calls = models.BigIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.calls} calls since {self.began_at:%Y-%m-%d %H:%M}"


class KeyUse(Use):
    """Of a key, where it has a rate."""

    api_key = models.OneToOneField(
        ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )


class VisitorUse(Use):
    """Of the public pages: `visitor` is a keyed hash of where they come from, or of their link."""

    visitor = models.BinaryField(max_length=32, primary_key=True)


class IdempotencyRecord(models.Model):
    """That a write was carried out under this key, and which lines came of it.

    Lives in the write's own transaction: either both are there or neither. `key` and `body_sha256`
    are keyed hashes.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="+")
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    body_sha256 = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(default=0)
    result = models.JSONField(default=dict, help_text="Ids and codes, no bodies.")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["api_key", "method", "path", "key"], name="idempotency_key_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

"""The wording that people are shown when they are asked, as exactly as they saw it."""

from __future__ import annotations

from django.db import models

from consents.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from consents.models.base import LANGUAGE_MAX, is_language_tag, new_id
from consents.models.people import Sender

KEY_MAX = 64
VERSION_MAX = 64


class NoticeQuerySet(AppendOnlyQuerySet["Notice"]):
    """Notices to be read."""


class Notice(AppendOnlyModel):
    """One version of a notice in one language; it is followed by another, never changed.

    `key`: what programs call it whatever its version. `sha256`: of the text's UTF-8, which the
    database checks. `valid_from`: since when it is the one that people are shown.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(
        Sender, on_delete=models.PROTECT, related_name="notices", db_index=False
    )
    key = models.SlugField(max_length=KEY_MAX, db_index=False)
    version = models.CharField(max_length=VERSION_MAX)
    language = models.CharField(max_length=LANGUAGE_MAX, validators=[is_language_tag])
    text = models.TextField()
    sha256 = models.BinaryField(max_length=32)
    valid_from = models.DateTimeField()
    created_at = models.DateTimeField(editable=False)

    objects = NoticeQuerySet.as_manager()

    class Meta(AppendOnlyModel.Meta):
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "key", "version", "language"], name="notice_version_unique"
            ),
            models.CheckConstraint(
                name="notice_says_something",
                condition=~models.Q(key="") & ~models.Q(version="") & ~models.Q(text=""),
            ),
            models.CheckConstraint(
                name="notice_sha256_is_of_the_text",
                condition=models.Q(
                    sha256=models.Func(
                        models.Func(
                            models.F("text"),
                            models.Value("UTF8"),
                            function="convert_to",
                            output_field=models.BinaryField(),
                        ),
                        function="sha256",
                        output_field=models.BinaryField(),
                    )
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.version} ({self.language})"

    @property
    def digest(self) -> str:
        """The hash in hexadecimal."""
        return bytes(self.sha256).hex()

"""What messages are for, and the words by which people say yes and no."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from consents.models.base import ClockTimestamp, choices, new_id, one_of
from consents.vocabulary import (
    CONFIRM_WITHIN_HOURS_MAX,
    ROOT_PURPOSE,
    Category,
    KeywordAction,
    Proof,
)

VALIDITY_MAX: Final = 36_500


class Purpose(models.Model):
    """`all` is the root; under it four categories; under a category, what staff add."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    key = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    description = models.CharField(
        max_length=500, blank=True, help_text="What people are told that the messages are for."
    )
    retention = models.CharField(
        max_length=200,
        blank=True,
        help_text="How long what is kept for it is kept, for example: 3 years after withdrawal.",
    )
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children"
    )
    category = models.CharField(
        max_length=16,
        choices=choices(Category),
        null=True,
        editable=False,
        help_text="The category it is, or belongs to; none for the root.",
    )
    allowed_in_window = models.BooleanField(
        default=False,
        help_text="May be sent to somebody without consent while their customer window is open.",
    )
    requires_own_consent = models.BooleanField(
        default=False,
        help_text="Only an opt-in to this very purpose allows it; a broader one does not.",
    )
    required_evidence = ArrayField(
        models.CharField(max_length=20, choices=choices(Proof)),
        default=list,
        blank=True,
        help_text="What staff and imports must know of an opt-in to it, or to what covers it.",
    )
    validity_days = models.PositiveIntegerField(
        "validity in days",
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(VALIDITY_MAX)],
        help_text="How long an opt-in is good for it, and for what belongs to it; empty: until it "
        "is withdrawn. A new opt-in begins the time anew.",
    )
    validity_since = models.DateTimeField(
        null=True, editable=False, help_text="Since when this validity counts."
    )
    warned_at = models.DateTimeField(
        null=True, editable=False, help_text="When it was last looked whose opt-in ends soon."
    )
    confirm_within_hours = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(CONFIRM_WITHIN_HOURS_MAX)],
        help_text="Within how many hours a person has to confirm an opt-in to it that somebody "
        "else hands in (double opt-in). Empty: such an opt-in counts at once.",
    )
    unsettled_since = models.DateTimeField(
        null=True,
        editable=False,
        help_text="When its rules changed, until everybody's standing has been looked at again.",
    )

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                name="purpose_root_has_no_parent",
                condition=models.Q(key=ROOT_PURPOSE, parent__isnull=True, category__isnull=True)
                | (~models.Q(key=ROOT_PURPOSE) & models.Q(parent__isnull=False)),
            ),
            models.CheckConstraint(
                name="purpose_category_known",
                condition=models.Q(category__isnull=True)
                | models.Q(category__in=[word.value for word in Category]),
            ),
            models.CheckConstraint(
                name="purpose_validity_within_bounds",
                condition=models.Q(validity_days__isnull=True)
                | models.Q(validity_days__range=(1, VALIDITY_MAX)),
            ),
            models.CheckConstraint(
                name="purpose_confirm_within_some_time",
                condition=models.Q(confirm_within_hours__isnull=True)
                | models.Q(confirm_within_hours__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A purpose is of its parent's category; a change makes everybody be looked at again.

        A validity counts from the moment it is set: what was allowed before stays so.

        Raises ValidationError, as `clean` does.
        """
        self.clean()
        if self.parent and self.parent.category:
            self.category = self.parent.category
        self.unsettled_since = ClockTimestamp()
        before = Purpose.objects.filter(pk=self.pk).values_list("validity_days", flat=True).first()
        if self.validity_days != before:
            self.validity_since = ClockTimestamp() if self.validity_days else None
        super().save(*args, **kwargs)
        self.refresh_from_db(fields=["unsettled_since", "validity_since"])

    def clean(self) -> None:
        """Three levels and no more: the gate reads as many."""
        if self.key == ROOT_PURPOSE:
            return
        above = {ROOT_PURPOSE} if self.key in set(Category) else set(Category)
        if self.parent is None or self.parent.key not in above:
            raise ValidationError({"parent": "A purpose belongs to one of the four categories."})


class Keyword(models.Model):
    """A word by which a person opts out or in, as a whole message."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    word = models.CharField(max_length=100)
    language = models.CharField(max_length=35, blank=True)
    action = models.CharField(max_length=8, choices=choices(KeywordAction))
    watch = models.BooleanField(
        default=False, help_text="Inside a longer message it asks for a person to have a look."
    )
    is_active = models.BooleanField(default=True)

    class Meta:
        ordering = ["action", "language", "word"]
        constraints = [
            models.UniqueConstraint(
                fields=["word", "language", "action"], name="keyword_word_unique"
            ),
            one_of("action", KeywordAction),
        ]

    def __str__(self) -> str:
        return f"{self.word} ({self.action})"

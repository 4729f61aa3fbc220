"""Counts kept for the home page: of no person, made from the ledger, and makeable again."""

from __future__ import annotations

from django.db import models

from consents.models.base import choices, new_id, one_of
from consents.models.people import Sender
from consents.models.purposes import Purpose
from consents.vocabulary import Action, Channel, State


class DayTally(models.Model):
    """How many lines of one action took effect on one day (UTC, when the person spoke)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+", db_index=False)
    day = models.DateField()
    channel = models.CharField(max_length=16, choices=choices(Channel))
    action = models.CharField(max_length=20, choices=choices(Action))
    lines = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "sender", "channel", "action"], name="day_tally_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.channel} {self.action}: {self.lines}"


class ReachTally(models.Model):
    """How many identities stood so for one purpose of their own when they were last counted."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(max_length=16, choices=choices(Channel))
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=choices(State))
    identities = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "channel", "purpose", "state"], name="reach_tally_once"
            ),
            one_of("state", State),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.state}: {self.identities}"


class TallyMark(models.Model):
    """How far the counting has come; the one row, and the lock of all counting.

    `seq`: the last line that is in the DayTallies. `reach_counted_at` and `reach_ms`: when the
    ReachTallies were counted, and how long that took.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    reach_counted_at = models.DateTimeField(null=True)
    reach_ms = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(name="tally_mark_one", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return f"counted up to {self.seq}"

"""The ledger: what was said, line by line, never changed and never deleted.

Of the references that a line makes and that are made to it, the database checks those which
something could break. A line is never deleted, so what names one cannot come to name nothing; and
a line's sender is its identity's.
"""

from __future__ import annotations

from typing import Any, Final

from django.db import models

from consents.models.append_only import AppendOnlyModel, AppendOnlyQuerySet
from consents.models.base import choices, new_id, one_of, sequence_field
from consents.models.people import ChannelIdentity, Sender
from consents.models.purposes import Purpose
from consents.vocabulary import CONSENT_ACTIONS, SOURCE_MAX, Action, Lifts, Origin, Outcome


class EventQuerySet(AppendOnlyQuerySet["ConsentEvent"]):
    """Lines to be read."""


class ConsentEvent(AppendOnlyModel):
    """One line of the ledger. Holds no personal data: that is in its EventDetail.

    `occurred_at`: when the person spoke, as far as known. `recorded_at`: when it was written, by
    the database's clock. `seq`: the order of the lines. `lifts`: which opt-outs this opt-in is
    entitled to lift, once it is confirmed where it has to be. `cause`: the line that this one
    follows from or speaks of (a spread opt-out's original, what is voided, which hold is released,
    which opt-in is confirmed).
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    seq = sequence_field("consents_consentevent_seq")
    sender = models.ForeignKey(
        Sender, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    identity = models.ForeignKey(
        ChannelIdentity, on_delete=models.PROTECT, related_name="events", db_index=False
    )
    action = models.CharField(max_length=20, choices=choices(Action))
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = models.CharField(max_length=SOURCE_MAX, blank=True)
    origin = models.CharField(max_length=16, choices=choices(Origin))
    actor = models.CharField(
        max_length=100, blank=True, help_text="Which key, member of staff or account wrote it."
    )
    lifts = models.CharField(max_length=8, choices=choices(Lifts), default=Lifts.NOTHING.value)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    effective = models.BooleanField()
    outcome = models.CharField(max_length=16, choices=choices(Outcome), blank=True)
    cause = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="consequences",
        db_index=False,
        db_constraint=False,
    )
    address_commitment = models.BinaryField(max_length=32)
    detail_commitment = models.BinaryField(max_length=32)

    objects = EventQuerySet.as_manager()

    class Meta(AppendOnlyModel.Meta):
        ordering = ["-seq"]
        permissions = [("void_consentevent", "Can void an entry made in error")]
        constraints = [
            one_of("action", Action),
            one_of("origin", Origin),
            one_of("lifts", Lifts),
            models.CheckConstraint(
                name="consentevent_consent_has_source",
                condition=~models.Q(action__in=sorted(CONSENT_ACTIONS)) | ~models.Q(source=""),
            ),
            models.CheckConstraint(
                name="consentevent_only_opt_in_lifts",
                condition=models.Q(lifts=Lifts.NOTHING.value)
                | models.Q(action__in=[Action.OPT_IN.value, Action.OPT_IN_REQUESTED.value]),
            ),
            models.CheckConstraint(
                name="consentevent_not_before_it_occurred",
                condition=models.Q(occurred_at__lte=models.F("recorded_at")),
            ),
        ]
        indexes = [
            models.Index(fields=["identity", "seq"], name="event_by_identity"),
            models.Index(fields=["sender", "seq"], name="event_by_sender"),
            models.Index(
                fields=["cause"], name="event_by_cause", condition=models.Q(cause__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.occurred_at:%Y-%m-%d %H:%M:%S}Z"


class EventDetail(models.Model):
    """What is personal about one line; it can be erased, the line and its hashes stay."""

    event = models.OneToOneField(
        ConsentEvent,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="detail",
        db_constraint=False,
    )
    ip = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.TextField(blank=True)
    evidence = models.JSONField(default=dict, blank=True)
    note = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, null=True)
    address_salt = models.BinaryField(max_length=16, null=True)
    erased_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"detail of {self.event_id}"

    def committed(self) -> dict[str, Any]:
        """What `ConsentEvent.detail_commitment` is a hash of."""
        return {
            "ip": self.ip,
            "user_agent": self.user_agent,
            "evidence": self.evidence,
            "note": self.note,
        }


NOTHING_PERSONAL: Final[dict[str, Any]] = {
    "ip": None,
    "user_agent": "",
    "evidence": {},
    "note": "",
    "salt": None,
    "address_salt": None,
}
"""What is left of a detail that is forgotten; the database lets it be changed to this alone."""

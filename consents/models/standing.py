"""How things stand now: all of it follows from the ledger and can be rebuilt from it.

What a state refers to, its line refers to as well; the database checks it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import models

from consents.folding import Fold
from consents.models.base import choices, new_id, one_of
from consents.models.ledger import ConsentEvent
from consents.models.people import ChannelIdentity, Sender
from consents.models.purposes import Purpose
from consents.vocabulary import Channel, State

FOLD_FIELDS = (
    "state",
    "event_id",
    "since",
    "opted_in_at",
    "lifted_at",
    "dropin_lifted_at",
    "opted_out_at",
    "dropin_opted_out_at",
    "expired_at",
)


class Consent(models.Model):
    """The state of one identity and purpose: the fold of its lines.

    `event` and `since`: the line that made it so. The other times are the newest of each kind
    of statement; they decide what a later one may change. `warned_of`: the end of an opt-in that
    subscribers have been warned of.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    identity = models.ForeignKey(
        ChannelIdentity,
        on_delete=models.PROTECT,
        related_name="consents",
        db_index=False,
        db_constraint=False,
    )
    purpose = models.ForeignKey(
        Purpose, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    state = models.CharField(max_length=10, choices=choices(State))
    event = models.ForeignKey(
        ConsentEvent,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    since = models.DateTimeField()
    opted_in_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    dropin_lifted_at = models.DateTimeField(null=True)
    opted_out_at = models.DateTimeField(null=True)
    dropin_opted_out_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)
    warned_of = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["identity", "purpose"], name="consent_one_state"),
            one_of("state", State),
        ]
        indexes = [models.Index(fields=["purpose", "opted_in_at"], name="consent_by_age")]

    def __str__(self) -> str:
        return f"{self.state} since {self.since:%Y-%m-%d}"

    @property
    def fold(self) -> Fold:
        return Fold(
            state=State(self.state),
            event=self.event_id,
            since=self.since,
            opted_in_at=self.opted_in_at,
            lifted_at=self.lifted_at,
            dropin_lifted_at=self.dropin_lifted_at,
            opted_out_at=self.opted_out_at,
            dropin_opted_out_at=self.dropin_opted_out_at,
            expired_at=self.expired_at,
        )


class StandingQuerySet(models.QuerySet["Standing"]):
    def locked(self, identities: Iterable[UUID]) -> models.QuerySet[Standing]:
        """Lock the standings of these identities, in the one order that everybody keeps."""
        return (
            self.filter(identity__in=sorted(set(identities)))
            .order_by("identity_id")
            .select_for_update(no_key=True)
        )


class Standing(models.Model):
    """One row per identity, and the one lock of everything that concerns it.

    `last_inbound_at`: the provider's time of the person's last message that was no stop.
    `window_noted`: the ledger holds a `window_opened` that no `window_closed` has followed.
    `held_by`: the line that put a hold on marketing, while it is on.
    `may_write`: whether any purpose is allowed by explicit consent; None before any was stated.
    `last_recorded_at`: the newest `recorded_at` among the identity's lines.
    `erased_at`: since when the person is erased; None again once they have come back.
    """

    identity = models.OneToOneField(
        ChannelIdentity, on_delete=models.PROTECT, primary_key=True, related_name="standing"
    )
    last_inbound_at = models.DateTimeField(null=True)
    window_noted = models.BooleanField(default=False)
    held_by = models.ForeignKey(
        ConsentEvent,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    held_at = models.DateTimeField(null=True)
    may_write = models.BooleanField(null=True)
    last_recorded_at = models.DateTimeField(null=True)
    erased_at = models.DateTimeField(null=True)

    objects = StandingQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["last_inbound_at"],
                name="standing_window_noted",
                condition=models.Q(window_noted=True),
            )
        ]

    def __str__(self) -> str:
        return f"standing of {self.identity_id}"


class InboundMessage(models.Model):
    """That a person wrote, and when, by the provider's clock. What they wrote is not kept.

    `message_id` is a keyed hash of the provider's: WhatsApp's own ids hold the person's number.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    sender = models.ForeignKey(Sender, on_delete=models.PROTECT, related_name="+", db_index=False)
    channel = models.CharField(max_length=16, choices=choices(Channel))
    message_id = models.CharField(max_length=200)
    identity = models.ForeignKey(
        ChannelIdentity,
        on_delete=models.PROTECT,
        related_name="inbound_messages",
        db_index=False,
    )
    received_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    counts_for_window = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sender", "channel", "message_id"], name="inbound_message_once"
            ),
            one_of("channel", Channel),
        ]
        indexes = [models.Index(fields=["identity", "received_at"], name="inbound_by_identity")]

    def __str__(self) -> str:
        return f"{self.channel} {self.received_at:%Y-%m-%d %H:%M:%S}Z"


class Confirmation(models.Model):
    """The one confirmation that may follow an opt-out, claimed: once, ever."""

    event = models.OneToOneField(
        ConsentEvent, on_delete=models.PROTECT, primary_key=True, related_name="confirmation"
    )
    claimed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"confirmation of {self.event_id}"

"""Revocations that came by telephone, by letter or in person, written down by staff.

An opt-out never waits: where it is clear who speaks it is recorded in the same moment. Where it is
not, somebody has to find the person, within the time that the law gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from consents import attachments, contacts, ledger, reviews
from consents.attachments import Attachment
from consents.errors import ConsentError
from consents.models import Purpose, ReviewItem, Revocation, Sender
from consents.vocabulary import Action, Channel, Medium, Origin

KIND: Final = "revocation"
RECORDED: Final = "opt_out"
_WHO: Final = frozenset({"person", "identity", "contact"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What somebody said: that they, on these channels (none: on all), want no such messages.

    `person`: a number, an e-mail address, the CRM's id, or whatever else they said of themselves.
    """

    person: str = field(repr=False)
    channels: Sequence[Channel] = ()
    purpose: Purpose
    medium: Medium
    received_at: datetime


def take(
    sender: Sender, told: Told, *, note: str, actor: str, file: Attachment | None = None
) -> ReviewItem:
    """Write it down. The item is decided where the opt-out could be recorded at once.

    `file`: the letter, say; it belongs to the opt-out once that is recorded.
    """
    return ledger.once_more_on_deadlock(lambda: _take(sender, told, note, actor, file))


def settle(
    item: ReviewItem, *, person: str, channels: Sequence[Channel], actor: str, note: str
) -> None:
    """Somebody has found out who it was: record the opt-out.

    Raises ConsentError `unknown_person` where this names nobody, `already_decided`.
    """
    ledger.once_more_on_deadlock(lambda: _settle(item, person, channels, actor, note))


def _take(sender: Sender, told: Told, note: str, actor: str, file: Attachment | None) -> ReviewItem:
    item = reviews.ask(sender, KIND, told.received_at)
    revocation = Revocation(
        review=item,
        person=told.person,
        channels=[channel.value for channel in told.channels],
        purpose=told.purpose,
        medium=told.medium.value,
        received_at=told.received_at,
    )
    revocation.save(force_insert=True)
    if file is not None:
        attachments.keep_for(item, file, actor=actor)
    try:
        with transaction.atomic():
            _record(revocation, told.person, told.channels, actor, note)
    except ConsentError as error:
        if error.field not in _WHO:
            raise
        # It is not clear who it was: nothing is recorded, and staff look for them.
        ReviewItem.objects.filter(pk=item.pk).update(note=note)
    return ReviewItem.objects.get(pk=item.pk)


def _settle(
    item: ReviewItem, person: str, channels: Sequence[Channel], actor: str, note: str
) -> None:
    locked = ReviewItem.objects.select_for_update(of=("self",)).get(pk=item.pk)
    if locked.decided_at is not None:
        raise ConsentError("already_decided", "Somebody else has decided this already.")
    _record(locked.revocation, person, channels, actor, note or locked.note)


def _record(
    revocation: Revocation, person: str, channels: Sequence[Channel], actor: str, note: str
) -> None:
    item = revocation.review
    said: dict[str, Any] = {
        "action": Action.OPT_OUT.value,
        "purpose": revocation.purpose.key,
        "source": revocation.medium.replace("_", " ").upper(),
        "occurred_at": revocation.received_at,
        "origin": Origin.ADMIN,
        "evidence": {
            "revocation": str(item.pk),
            "medium": revocation.medium,
            **attachments.evidence_of(item),
        },
        "note": note,
        "actor": actor,
    }
    recorded = [
        ledger.record(item.sender, **said, **whom) for whom in _whom(item.sender, person, channels)
    ]
    attachments.settle(item, recorded[0].event)
    item.identity = recorded[0].event.identity
    item.decision, item.decided_at, item.decided_by = RECORDED, timezone.now(), actor
    item.note = ""  # it stands beside the entry, where it can be erased with the person
    item.save(update_fields=["identity", "decision", "decided_at", "decided_by", "note"])
    revocation.person = ""
    revocation.save(update_fields=["person"])


def _whom(sender: Sender, person: str, channels: Sequence[Channel]) -> list[dict[str, Any]]:
    """Whom the opt-out is of, as the ledger is told: a contact, else addresses not known yet.

    Raises ConsentError `unknown_person`.
    """
    named = contacts.named(sender, person)
    if len(named) == 1:
        [contact] = named
        return [{"contact": contact, "channels": [channel.value for channel in channels]}]
    if named or not channels:
        raise ConsentError("unknown_person", "It is not clear from this who it is.", "person")
    return [{"identity": person, "channel": channel.value} for channel in channels]

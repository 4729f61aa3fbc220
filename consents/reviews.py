"""What a person has to decide: asked once, with a day by which to decide it and an owner."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from consents import workdays
from consents.models import ChannelIdentity, ReviewItem, Sender
from consents.models.base import new_id


def ask(
    sender: Sender,
    kind: str,
    since: datetime,
    *,
    identity: ChannelIdentity | None = None,
    subject: tuple[str, str] = ("", ""),
    url: str = "",
) -> ReviewItem:
    """Put a question to staff; of several about one subject only the first is kept.

    `since`: when what they have to decide about reached us. `subject`: its kind and id.
    """
    item = ReviewItem(
        id=new_id(),
        sender=sender,
        identity=identity,
        kind=kind,
        subject_kind=subject[0],
        subject_id=subject[1],
        subject_url=url,
        due_at=due(since),
    )
    ReviewItem.objects.bulk_create([item], ignore_conflicts=True)
    return item


def due(since: datetime) -> datetime:
    """By when it has to be decided: 47 CFR 64.1200(a)(10) gives ten business days at most."""
    return workdays.end_of(since, settings.REVIEW_DAYS, settings.REVIEW_COUNTRY)


def waiting() -> QuerySet[ReviewItem]:
    return ReviewItem.objects.filter(decided_at=None)


def overdue(now: datetime) -> QuerySet[ReviewItem]:
    """What should have been decided by now."""
    return waiting().filter(due_at__lt=now)

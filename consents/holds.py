"""Holds: a watched word inside a longer text stops marketing until a person has looked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from consents import ledger, reviews
from consents.errors import ConsentError
from consents.history import newest_hold
from consents.models import ChannelIdentity, ConsentEvent, ReviewItem
from consents.purposes import PurposeTree
from consents.vocabulary import Action, Category, Origin
from consents.writing import Line, Page

KEYWORD_SOURCE = "KEYWORD"


def put_on(
    page: Page,
    identity: ChannelIdentity,
    at: datetime,
    evidence: dict[str, Any],
    actor: str,
) -> ConsentEvent:
    """Add a hold on marketing to a page that holds the identity's lock."""
    hold = page.add(
        Line(
            identity=identity,
            action=Action.HELD,
            purpose=page.purposes.named(Category.MARKETING),
            origin=Origin.KEYWORD,
            source=KEYWORD_SOURCE,
            actor=actor,
            occurred_at=at,
            evidence=evidence,
        )
    )
    standing = page.touch(identity.id)
    if standing.held_at is None or hold.occurred_at >= standing.held_at:
        standing.held_at, standing.held_by_id = hold.occurred_at, hold.id
    return hold


def ask(hold: ConsentEvent) -> ReviewItem:
    """Let a person decide what was meant."""
    return reviews.ask(
        hold.sender,
        Action.HELD.value,
        hold.recorded_at,
        identity=hold.identity,
        subject=("event", str(hold.id)),
    )


def release(hold: ConsentEvent, *, actor: str, note: str = "") -> ConsentEvent:
    """Lift a hold that somebody has looked at. Raises ConsentError for anything but a hold."""
    return ledger.once_more_on_deadlock(lambda: _release(hold, actor, note))


def _release(hold: ConsentEvent, actor: str, note: str) -> ConsentEvent:
    page = Page(hold.sender, PurposeTree.load())
    page.lock([hold.identity_id])
    is_released = hold.consequences.filter(action=Action.RELEASED.value).exists()
    if hold.action != Action.HELD or is_released:
        raise ConsentError("not_held", "This is no hold, or it is released already.")
    line = Line(
        identity=hold.identity,
        action=Action.RELEASED,
        purpose=hold.purpose,
        origin=Origin.ADMIN,
        actor=actor,
        note=note,
        cause=hold.id,
    )
    released = page.add(line)
    standing = page.touch(hold.identity_id)
    standing.held_by = newest_hold(hold.identity_id, besides=hold.id)
    standing.held_at = standing.held_by.occurred_at if standing.held_by else None
    page.write()
    return released

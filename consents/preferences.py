"""What a person may be written about, as they see it themselves.

They see one line for each purpose on each channel, whatever number of addresses they have there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID

from consents.decision import is_held
from consents.folding import Fold
from consents.models import ChannelIdentity, Contact, Purpose
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Category, Channel, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One purpose on one channel. `is_paused`: on, but held until staff have decided."""

    channel: Channel
    purpose: Purpose
    is_on: bool
    is_paused: bool = False

    @property
    def key(self) -> str:
        return f"{self.channel}.{self.purpose.key}"

    @property
    def is_category(self) -> bool:
        return self.purpose.key == self.purpose.category


@dataclass(frozen=True, slots=True)
class OnChannel:
    """A person's addresses on one channel and what holds for them; the broad purposes first."""

    channel: Channel
    identities: Sequence[ChannelIdentity]
    controls: Sequence[Control]


@dataclass(frozen=True)
class Preferences:
    """`version` is another one once anything of it has changed."""

    channels: Sequence[OnChannel]
    version: str

    @cached_property
    def controls(self) -> Mapping[str, Control]:
        return {one.key: one for on in self.channels for one in on.controls}


def of(contact: Contact) -> Preferences:
    """How things stand now, on the channels where the contact has an address."""
    purposes, now = PurposeTree.current()
    identities = reachable(contact)
    channels = [
        _on_channel(purposes, now, channel, there)
        for channel in Channel
        if (there := [one for one in identities if one.channel == channel])
    ]
    return Preferences(channels, _version(purposes, identities))


def reachable(contact: Contact, channel: Channel | None = None) -> list[ChannelIdentity]:
    """The contact's addresses, on one channel or on all, without those that were erased."""
    found = contact.identities.filter(address__isnull=False)
    if channel:
        found = found.filter(channel=channel.value)
    return list(found.select_related("standing").prefetch_related("consents").order_by("id"))


def has_left(
    contact: Contact, *, channel: Channel | None = None, purpose: str = ROOT_PURPOSE
) -> bool:
    """Whether all that an opt-out of this would refuse is refused already, at every address."""
    purposes, now = PurposeTree.current()
    top = purposes.named(purpose)
    within = [one for one in purposes.by_id.values() if top in purposes.chain(one)]
    identities = reachable(contact, channel)
    return bool(identities) and all(
        purposes.state(one, _folds(identity), now) == State.OPTED_OUT
        for one in within
        for identity in identities
    )


def _on_channel(
    purposes: PurposeTree, now: datetime, channel: Channel, identities: Sequence[ChannelIdentity]
) -> OnChannel:
    controls = [_control(purposes, now, one, channel, identities) for one in purposes.in_order()]
    return OnChannel(channel, identities, controls)


def _control(
    purposes: PurposeTree,
    now: datetime,
    purpose: Purpose,
    channel: Channel,
    identities: Sequence[ChannelIdentity],
) -> Control:
    """On where any of the addresses may be written to."""
    on = [one for one in identities if purposes.state(purpose, _folds(one), now) == State.OPTED_IN]
    held = [one for one in on if _is_held(purposes, purpose, one)]
    return Control(
        channel=channel, purpose=purpose, is_on=bool(on), is_paused=bool(on) and held == on
    )


def _is_held(purposes: PurposeTree, purpose: Purpose, identity: ChannelIdentity) -> bool:
    folds = _folds(identity)
    chain = [folds.get(link.id, Fold()) for link in purposes.chain(purpose)]
    return purpose.category == Category.MARKETING and is_held(identity.standing.held_at, chain)


def _folds(identity: ChannelIdentity) -> dict[UUID, Fold]:
    return {row.purpose_id: row.fold for row in identity.consents.all()}


def _version(purposes: PurposeTree, identities: Sequence[ChannelIdentity]) -> str:
    states: list[tuple[UUID, UUID, UUID]] = sorted(
        (row.identity_id, row.purpose_id, row.event_id)
        for identity in identities
        for row in identity.consents.all()
    )
    seen = [
        *(str(purpose.id) for purpose in purposes.in_order()),
        *(str(identity.id) for identity in identities),
        *(" ".join(map(str, state)) for state in states),
    ]
    return hashlib.sha256("\n".join(seen).encode()).hexdigest()

"""Which accounts serve whom: on which channels an account can hold the consent of whose people."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from consents.models import ChannelIdentity
from consents.models.prepared import array, prepared
from providers import registry
from providers.contract import Account
from providers.errors import UnknownKindError
from providers.models import ProviderAccount

log = logging.getLogger(__name__)


class Served(NamedTuple):
    """A channel on which an account serves a sender."""

    account: UUID
    sender: UUID
    channel: str


def channels_of(account: ProviderAccount) -> frozenset[str]:
    """The channels whose consent this account can hold; none for a provider that is not known."""
    return _channels_of(str(account.id), account.kind, account.settings or {})


def by(account: ProviderAccount) -> list[Served]:
    return [Served(account.id, account.sender_id, channel) for channel in channels_of(account)]


def of(senders: Sequence[UUID]) -> list[Served]:
    """By the accounts of these senders that are switched on.

    The share lock lets nobody switch one on between this reading and our commit: see
    `accounts.save`.
    """
    with prepared() as cursor:
        cursor.execute(
            "SELECT FROM consents_sender WHERE id = ANY(%s::uuid[]) ORDER BY id FOR KEY SHARE",
            [array(senders)],
        )
        cursor.execute(
            "SELECT id, sender_id, kind, settings FROM providers_provideraccount "
            "WHERE sender_id = ANY(%s::uuid[]) AND is_enabled",
            [array(senders)],
        )
        return [
            Served(id, sender, channel)
            for id, sender, kind, settings in cursor
            for channel in _channels_of(str(id), kind, settings)
        ]


def senders_of(identities: Iterable[UUID]) -> list[UUID]:
    people = ChannelIdentity.objects.filter(id__in=identities)
    return list(people.order_by("sender").values_list("sender", flat=True).distinct())


def _channels_of(id: str, kind: str, settings: Mapping[str, Any]) -> frozenset[str]:
    try:
        adapter = registry.adapter(kind)
    except UnknownKindError:
        log.error("Account %s is of a kind that no provider has.", id)
        return frozenset()
    return adapter.channels(Account(id=id, kind=kind, base_url="", settings=settings))

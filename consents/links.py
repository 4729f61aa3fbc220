"""Links by which a person gets to their own preferences without a login.

The link is the authority: signed, good until it expires, and dead once the person is erased. It
names one identity, not the contact: a contact may be merged into another, and whoever holds a link
of before must still be able to opt out by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db.models import Exists, OuterRef
from django.urls import reverse

from consents.errors import ConsentError
from consents.models import ChannelIdentity, ConsentEvent, Contact
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Action, Channel

DAYS_MAX: Final = 3650


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """`channel`, `purpose`: what unsubscribing by it, in one click, opts out of.

    `channel` is None where the person has no address there. Times are whole seconds, UTC.
    """

    identity: UUID
    channel: Channel | None
    purpose: str
    made_at: datetime
    expires_at: datetime

    @property
    def token(self) -> str:
        """The same for the same link, whenever it is asked for."""
        return _signer().sign_object(self.fields())

    def fields(self) -> list[Any]:
        """As JSON; `of_fields` takes them back."""
        times = [int(self.made_at.timestamp()), int(self.expires_at.timestamp())]
        return [self.identity.hex, self.channel, self.purpose, *times]

    @classmethod
    def of_fields(cls, fields: list[Any]) -> Link:
        identity, channel, purpose, made_at, expires_at = fields
        return cls(
            identity=UUID(identity),
            channel=Channel(channel) if channel else None,
            purpose=purpose,
            made_at=datetime.fromtimestamp(made_at, UTC),
            expires_at=datetime.fromtimestamp(expires_at, UTC),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What to send. `headers`: for an e-mail, so that mail programs offer to unsubscribe."""

    preferences: str
    unsubscribe: str | None
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who holds a link that works."""

    link: Link
    contact: Contact


_NOBODYS: Final = Link(
    identity=UUID(int=0),
    channel=None,
    purpose=ROOT_PURPOSE,
    made_at=datetime.fromtimestamp(0, UTC),
    expires_at=datetime.fromtimestamp(0, UTC),
)


def make(
    contact: Contact,
    now: datetime,
    *,
    channel: Channel = Channel.EMAIL,
    purpose: str = ROOT_PURPOSE,
    days: int | None = None,
) -> Link:
    """A link for this contact, good for so many days, else as the settings say.

    Raises ConsentError `no_identity` for a contact without an address, `unknown_purpose`,
    `invalid_days`.
    """
    days = settings.PREFERENCE_LINK_DAYS if days is None else days
    if not 1 <= days <= DAYS_MAX:
        raise ConsentError("invalid_days", f"A link is good for 1 to {DAYS_MAX} days.", "days")
    PurposeTree.current()[0].named(purpose)
    identities = list(contact.identities.filter(address__isnull=False).order_by("id"))
    there = [one for one in identities if one.channel == channel]
    if not identities:
        raise ConsentError("no_identity", "The contact has no address to write to.", "contact")
    made_at = now.replace(microsecond=0)
    return Link(
        identity=(there or identities)[0].id,
        channel=channel if there else None,
        purpose=purpose,
        made_at=made_at,
        expires_at=made_at + timedelta(days=days),
    )


def addresses(link: Link, base: str) -> Addresses:
    """Where the link leads, with `base` (`https://consent.example.com`) before it.

    The headers are those of RFC 2369 and RFC 8058.
    """
    base = base.rstrip("/")
    unsubscribe = f"{base}{reverse('unsubscribe', args=[link.token])}" if link.channel else None
    headers = {
        "List-Unsubscribe": f"<{unsubscribe}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    return Addresses(
        preferences=f"{base}{reverse('preferences', args=[link.token])}",
        unsubscribe=unsubscribe,
        headers=headers if unsubscribe else {},
    )


def is_ours(token: str) -> bool:
    """Whether it was signed here, expired or not."""
    return _read(token) is not None


def bearer(token: str, now: datetime) -> Bearer | None:
    """Who holds this link; None, after the same work, for every link that does not work."""
    link = _read(token) or _NOBODYS
    erased = ConsentEvent.objects.filter(
        identity=OuterRef("pk"), action=Action.ERASED.value, recorded_at__gte=link.made_at
    )
    identity = (
        ChannelIdentity.objects.select_related("contact__sender")
        .filter(~Exists(erased), id=link.identity, address__isnull=False)
        .first()
    )
    if identity is None or link.expires_at <= now:
        return None
    return Bearer(link, identity.contact)


def _signer() -> signing.Signer:
    # A dot: no mail program takes it for the end of an address that goes on after it.
    return signing.Signer(salt="consents.links", sep=".")


def _read(token: str) -> Link | None:
    try:
        return Link.of_fields(_signer().unsign_object(token))
    except (signing.BadSignature, ValueError):
        return None

"""Links by which a person confirms what was handed in for them, without a login.

The link is the authority: signed, good as long as the opt-in that it names can be confirmed, and
dead once the person is erased.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from django.core import signing
from django.urls import reverse

from consents import awaiting
from consents.models import ConsentEvent, Contact
from consents.requested import deadline

_NOTHING: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who holds a link that was made here, and what they are asked to confirm."""

    request: ConsentEvent

    @property
    def contact(self) -> Contact:
        return self.request.identity.contact


class Offer(NamedTuple):
    """The page on which a person confirms something, and until when they can."""

    url: str
    expires_at: datetime


def address(request: UUID, base: str) -> str:
    """Where it is confirmed, with `base` (`https://consent.example.com`) before it."""
    token = _signer().sign_object(request.hex)
    return f"{base.rstrip('/')}{reverse('confirm', args=[token])}"


def offers(requests: Collection[str], base: str) -> Mapping[str, Offer]:
    """Where these are confirmed, by their ids; none of somebody who was erased."""
    if not requests:
        return {}
    found = awaiting.requests().filter(id__in=requests)
    ends = {one.id: deadline(one.detail.evidence) for one in found}
    return {str(id): Offer(address(id, base), until) for id, until in ends.items() if until}


def bearer(token: str) -> Bearer | None:
    """Who holds this link; None, after the same work, for every link that is none of ours."""
    known = awaiting.requests().select_related("sender", "identity__contact")
    request = known.filter(id=_read(token), identity__address__isnull=False).first()
    return Bearer(request) if request else None


def _signer() -> signing.Signer:
    # A dot: no mail program takes it for the end of an address that goes on after it.
    return signing.Signer(salt="consents.confirm_links", sep=".")


def _read(token: str) -> UUID:
    try:
        return UUID(_signer().unsign_object(token))
    except (signing.BadSignature, ValueError):
        return _NOTHING

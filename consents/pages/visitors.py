"""Who looks at a page, as far as the connection tells, and how often they may."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest

from consents import callers, quotas, rates
from consents.choosing import Visitor
from consents.entries import TEXT_MAX, is_storable
from consents.quotas import Quota

_IPV6_NETWORK = 64
"""What one household or company has of IPv6: whoever has one address has all of these."""


def of(request: HttpRequest) -> Visitor:
    user_agent = request.headers.get("User-Agent", "")[:TEXT_MAX]
    return Visitor(
        ip=callers.address(request), user_agent=user_agent if is_storable(user_agent) else ""
    )


def exceeded(request: HttpRequest, token: str, *, is_by_machine: bool) -> Quota | None:
    """Counts this request; the quota that it exceeds, if any.

    `is_by_machine`: it comes from a mail provider that unsubscribes many people from few addresses
    of its own, so only its link holds it up. An opt-out is not lost to its neighbours.
    """
    by_address = _spend(
        f"address {_network(callers.address(request))}", settings.PREFERENCE_RATE_PER_ADDRESS
    )
    if by_address.is_exceeded and not is_by_machine:
        return by_address
    by_link = _spend(f"link {token}", settings.PREFERENCE_RATE_PER_LINK)
    return by_link if by_link.is_exceeded else None


def _spend(visitor: str, rate: str) -> Quota:
    return quotas.spend_as(visitor, rates.read(rate))


def _network(ip: str | None) -> str:
    if ip is None or ":" not in ip:
        return str(ip)
    return str(ipaddress.ip_network(f"{ip}/{_IPV6_NETWORK}", strict=False))

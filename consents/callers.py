"""Where a request comes from."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def address(request: HttpRequest) -> str | None:
    """The IP address; what proxies say of it counts only as far as they are trusted.

    Each proxy adds the address it was called from at the end, so the one that the outermost of ours
    added is as many from the end as there are; whatever stands before it anybody may have written.
    """
    trusted = settings.TRUSTED_PROXIES
    said = request.headers.get("X-Forwarded-For", "").split(",")
    written = said[-trusted] if 0 < trusted <= len(said) else request.META.get("REMOTE_ADDR", "")
    try:
        ip = ipaddress.ip_address(written.strip())
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        return None if ip.scope_id else str(ip.ipv4_mapped or ip)
    return str(ip)

"""Where a subscriber may be: the public internet, unless a setting says otherwise.

A subscriber's URL comes from whoever holds a key, and is called from inside our network: without
this, it could reach what nobody outside should (server-side request forgery).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

URL_MAX: Final = 742
"""As long as Sinch takes webhook targets (Conversation API reference, 2026-10)."""

_USUAL_PORTS: Final = frozenset({80, 443})
_FIRST_FREE_PORT: Final = 1024

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[_Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# What a setting can allow: this machine, and private networks (RFC 1918, RFC 4193).
_OURS: Final = _networks(
    *("127.0.0.0/8", "::1/128"),
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
)
# Where clouds hand out a machine's credentials, beside the link-local 169.254.169.254.
_METADATA: Final = _networks("fd00:ec2::/32", "fd20:ce::/32", "168.63.129.16/32")
# What `ipaddress` takes for global in some versions, or what leads to an IPv4 address.
_LEADS_ELSEWHERE: Final = _networks(
    "192.0.0.0/24",  # protocol assignments; one cloud's metadata service too
    "192.88.99.0/24",  # relays of 6to4
    "100.64.0.0/10",  # behind a carrier's NAT
    "::/96",  # IPv4-compatible
    "::ffff:0:0/96",  # IPv4-mapped
    "64:ff9b::/96",  # NAT64
    "64:ff9b:1::/48",  # NAT64, locally chosen
    "2001::/32",  # Teredo
    "2002::/16",  # 6to4
    "2001:20::/28",  # ORCHIDv2
    "3fff::/20",  # documentation
    "5f00::/16",  # segment routing
)
_GLOBAL_UNICAST_6: Final = ipaddress.ip_network("2000::/3")


def may_be_called(address: str, *, allow_private: bool = False) -> bool:
    """Whether this IP address may be connected to; what is no address may not.

    `allow_private`: also this machine and private networks, but never link-local or metadata
    addresses, multicast, or an IPv4 address inside an IPv6 one.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if any(ip in network for network in _METADATA):
        return False
    if any(ip in network for network in _OURS):
        return allow_private
    return _is_public(ip)


def url_problem(url: str, *, allow_http: bool = False, allow_private: bool = False) -> str | None:
    """Why a subscriber cannot have this URL, as a sentence; None when it can.

    Where its name leads is asked at every connection; here only an address in its place is.
    """
    parts = _split(url)
    if parts is None:
        return "This must be a URL with a host, in plain ASCII, of at most 742 characters."
    if parts.username is not None or parts.password is not None:
        return "The URL must have no user or password."
    if parts.fragment:
        return "The URL must have no fragment."
    if parts.scheme != "https" and not allow_http:
        return "The URL must begin with https://."
    port = parts.port
    if port is not None and port not in _USUAL_PORTS and port < _FIRST_FREE_PORT:
        return "The port must be 80, 443, or 1024 and above."
    return _host_problem(parts.hostname or "", allow_private=allow_private)


def _is_public(ip: _Address) -> bool:
    if not ip.is_global or ip.is_multicast or any(ip in network for network in _LEADS_ELSEWHERE):
        return False
    return ip.version == 4 or ip in _GLOBAL_UNICAST_6


def _host_problem(host: str, *, allow_private: bool) -> str | None:
    refused = "The host is on a private network or this machine."
    if host == "localhost" or host.endswith(".localhost"):
        return None if allow_private else refused
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if may_be_called(host, allow_private=allow_private) else refused


def _split(url: str) -> SplitResult | None:
    """The parts of an http(s) URL; None when it is none."""
    if len(url) > URL_MAX or re.search(r"[^\x21-\x7e]|\\", url):
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None

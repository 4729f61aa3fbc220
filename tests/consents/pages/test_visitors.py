"""Where a request came from: what nobody can write themselves."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from consents.models import VisitorUse
from consents.pages import visitors


def ip_of(remote: str, forwarded: str | None = None) -> str | None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR=remote)
    return visitors.of(request).ip


@pytest.mark.parametrize(
    ("trusted", "forwarded", "believed"),
    [
        (0, "192.0.2.1", "203.0.113.9"),
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "10.0.0.1, 192.0.2.1", "192.0.2.1"),
        (2, "10.0.0.1, 192.0.2.1, 198.51.100.2", "192.0.2.1"),
        (2, "192.0.2.1", "203.0.113.9"),
        (1, None, None),
        (1, "", None),
        (1, "nonsense", None),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "fe80::1%eth0", None),
        (1, "192.0.2.1, ", None),
    ],
)
def test_only_as_many_proxies_are_believed_as_are_trusted(
    settings, trusted, forwarded, believed
) -> None:
    settings.TRUSTED_PROXIES = trusted
    assert ip_of("203.0.113.9", forwarded) == believed


@pytest.mark.parametrize("remote", ["", "unix:", "localhost"])
def test_a_connection_without_an_address_has_none(remote) -> None:
    assert ip_of(remote) is None


def test_an_address_of_ipv4_is_the_same_however_the_connection_writes_it() -> None:
    assert ip_of("::ffff:192.0.2.1") == "192.0.2.1"


@pytest.mark.django_db
def test_a_network_of_ipv6_counts_as_one_visitor() -> None:
    for remote in ("2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.2"):
        request = RequestFactory().get("/", REMOTE_ADDR=remote)
        visitors.exceeded(request, "a link", is_by_machine=False)
    assert VisitorUse.objects.count() == 4 + 1

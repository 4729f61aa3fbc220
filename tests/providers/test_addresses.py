"""Where a subscriber may be: no address of ours, in whatever spelling."""

from __future__ import annotations

import pytest

from providers.addresses import may_be_called, url_problem

OURS = ["127.0.0.1", "127.8.9.1", "::1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "fd12::1"]
NEVER = {
    "unspecified": "0.0.0.0",  # noqa: S104 - refused, not bound
    "unspecified, version 6": "::",
    "link-local": "169.254.1.1",
    "metadata": "169.254.169.254",
    "metadata of another cloud": "168.63.129.16",
    "metadata behind a carrier's NAT": "100.100.100.200",
    "metadata among protocol assignments": "192.0.0.192",
    "metadata, version 6": "fd00:ec2::254",
    "link-local, version 6": "fe80::1",
    "link-local with its interface": "fe80::1%eth0",
    "site-local": "fec0::1",
    "multicast": "224.0.0.1",
    "multicast, global": "232.1.2.3",
    "multicast, version 6": "ff0e::1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "documentation": "192.0.2.1",
    "IPv4-mapped loopback": "::ffff:127.0.0.1",
    "IPv4-mapped public": "::ffff:8.8.8.8",
    "IPv4-compatible": "::127.0.0.1",
    "NAT64 of a private one": "64:ff9b::a00:1",
    "NAT64, locally chosen": "64:ff9b:1::a00:1",
    "6to4 of a private one": "2002:a00:1::1",
    "Teredo": "2001:0:a00:1::1",
    "relay of 6to4": "192.88.99.1",
    "segment routing": "5f00::1",
    "no address": "subscriber.example",
    "nothing": "",
}


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:2800:220:1::1"])
def test_a_public_address_may_be_called(address):
    assert may_be_called(address)


@pytest.mark.parametrize("address", OURS)
def test_this_machine_and_private_networks_only_where_a_setting_says_so(address):
    assert not may_be_called(address)
    assert may_be_called(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER.values(), ids=NEVER)
def test_some_addresses_never_may_whatever_the_setting(address):
    assert not may_be_called(address)
    assert not may_be_called(address, allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://subscriber.example/hooks?token=1",
        "https://subscriber.example:8443/",
        "https://8.8.8.8/",
        "https://[2606:2800:220:1::1]/",
    ],
)
def test_an_https_url_of_the_public_internet_has_no_problem(url):
    assert url_problem(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://subscriber.example/",
        "ftp://subscriber.example/",
        "subscriber.example",
        "https://",
        "https://user:secret@subscriber.example/",
        "https://@subscriber.example/",
        "https://subscriber.example/#part",
        "https://subscriber.example:22/",
        "https://subscriber.example:0/",
        "https://subscriber.example:99999/",
        "https://subscriber.example/a b",
        "https://subscriber.example/\r\nX-Header: 1",
        "https://subscriber.example\\@127.0.0.1/",
        "https://ŝubscriber.example/",
        "https://subscriber.example/" + "a" * 742,
        "https://localhost/",
        "https://app.localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[half/",
    ],
)
def test_a_url_that_cannot_be_is_refused_in_a_sentence(url):
    problem = url_problem(url)
    assert problem is not None
    assert problem.endswith(".")


def test_plain_http_and_this_machine_only_where_settings_say_so():
    assert url_problem("http://subscriber.example/", allow_http=True) is None
    assert url_problem("http://127.0.0.1:5000/", allow_http=True) is not None
    assert url_problem("http://127.0.0.1:5000/", allow_http=True, allow_private=True) is None
    assert url_problem("https://localhost/", allow_private=True) is None

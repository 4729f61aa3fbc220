"""Commitments: whoever holds the data can check them, and nobody else learns anything."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consents.commitments import (
    SALT_BYTES,
    commit_to_address,
    commit_to_detail,
    identity_digest,
    new_salt,
)
from consents.models import ChannelIdentity, ConsentEvent, EventDetail
from tests.consents.factories import NUMBER, OptInFactory

pytestmark = pytest.mark.usefixtures("sender")

storable = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"))
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | storable,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(storable, inner, max_size=3),
    max_leaves=6,
)
addresses = st.ip_addresses() | st.integers(0, 2**33).map(ipaddress.IPv6Address)


def fits(event: ConsentEvent) -> bool:
    """Whether both commitments fit what the database gives back."""
    line = ConsentEvent.objects.get(pk=event.pk)
    detail = EventDetail.objects.get(event=event)
    identity = ChannelIdentity.objects.get(pk=event.identity_id)
    address = commit_to_address(bytes(detail.address_salt), identity.channel, identity.address)
    return (bytes(line.detail_commitment), bytes(line.address_commitment)) == (
        commit_to_detail(bytes(detail.salt), detail.committed()),
        address,
    )


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    evidence=st.dictionaries(storable, values, max_size=4),
    ip=addresses,
    user_agent=storable,
    note=storable,
)
@example(evidence={"π": 1e22, "z": -0.0, "a": 1e-7}, ip="::ffff:1.2.3.4", user_agent="", note="")
@example(evidence={"big": 10**400, "b": 5e-324}, ip="::1.2.3.4", user_agent="", note="")
@example(evidence={"a": [1.0, 1.10]}, ip="2001:DB8:0:0:1:0:0:1", user_agent="", note="")
@example(evidence={}, ip=" 192.0.2.1 ", user_agent="", note="")
@example(evidence={}, ip="", user_agent="", note="")
def test_a_commitment_fits_what_the_database_gives_back(
    rolled_back: Callable[[], AbstractContextManager[None]],
    evidence: dict[str, Any],
    ip: object,
    user_agent: str,
    note: str,
) -> None:
    with rolled_back():
        event = OptInFactory(evidence=evidence, ip=str(ip), user_agent=user_agent, note=note)
        assert fits(event)


@pytest.mark.parametrize("field", ["ip", "user_agent", "evidence", "note"])
def test_a_commitment_fits_nothing_else(field: str) -> None:
    event = OptInFactory(evidence={"a": 1})
    detail = EventDetail.objects.get(event=event)
    other = {**detail.committed(), field: "198.51.100.1"}
    assert commit_to_detail(bytes(detail.salt), other) != event.detail_commitment


def test_the_same_data_is_committed_to_differently_each_time() -> None:
    first, second = OptInFactory(), OptInFactory()
    assert first.address_commitment != second.address_commitment
    assert first.detail_commitment != second.detail_commitment


def test_salts_are_long_and_never_the_same() -> None:
    salts = {new_salt() for _ in range(100)}
    assert (len(salts), {len(salt) for salt in salts}) == (100, {SALT_BYTES})
    assert SALT_BYTES >= 16


def test_the_digest_of_an_address_needs_the_key(settings: Any) -> None:
    before = identity_digest("WHATSAPP", NUMBER)
    assert before == identity_digest("WHATSAPP", NUMBER)
    assert before != identity_digest("SMS", NUMBER)
    settings.IDENTITY_DIGEST_KEY = "another"
    assert before != identity_digest("WHATSAPP", NUMBER)

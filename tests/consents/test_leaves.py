"""What of a line is sealed: all of it, and in one way."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from consents import leaves, ledger, merkle
from consents.models import ConsentEvent, Sender
from tests.consents.factories import OptInFactory, StopFactory

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def field(value: Any) -> bytes:
    """One field as the manual of PostgreSQL describes COPY's binary format."""
    if value is None:
        return struct.pack(">i", -1)
    data = _data(value)
    return struct.pack(">i", len(data)) + data


def _data(value: Any) -> bytes:
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return struct.pack(">q", value)
    if isinstance(value, datetime):
        return struct.pack(">q", (value - EPOCH) // timedelta(microseconds=1))
    if isinstance(value, UUID):
        return value.bytes
    return value.encode() if isinstance(value, str) else bytes(value)


def as_described(event: ConsentEvent) -> bytes:
    fields = [field(getattr(event, name)) for name in leaves.COLUMNS]
    return struct.pack(">h", len(fields)) + b"".join(fields)


def everything() -> list[bytes]:
    return list(leaves.entries(None, 2**62))


def test_every_column_of_a_line_is_sealed() -> None:
    """One that is added here needs a format of its own: seals of the old one stay as they are."""
    columns = {column.column for column in ConsentEvent._meta.concrete_fields}
    assert columns == set(leaves.COLUMNS)
    assert leaves.FORMAT == 1


def test_the_bytes_are_those_described(sender: Sender) -> None:
    OptInFactory(source="Übergröße 😀", occurred_at=datetime(1971, 1, 1, tzinfo=UTC))
    stopped = StopFactory()
    ledger.void(OptInFactory(), note="A mistake.", actor="")
    lines = list(ConsentEvent.objects.order_by("seq"))
    assert stopped in lines
    assert {line.cause_id is None for line in lines} == {True, False}
    assert everything() == [as_described(line) for line in lines]


def test_nothing_and_empty_are_told_apart() -> None:
    assert field(None) != field("")


def test_lines_come_in_their_order_within_their_bounds(sender: Sender) -> None:
    numbers = [OptInFactory().seq for _ in range(5)]
    assert [leaves.seq(one) for one in leaves.entries(numbers[0], numbers[3])] == numbers[1:4]
    assert [leaves.seq(one) for one in leaves.entries(None, numbers[3], 2)] == numbers[:2]
    assert leaves.hashes(None, numbers[1]) == [merkle.leaf(one) for one in everything()[:2]]


@pytest.mark.usefixtures("db")
def test_an_empty_ledger_has_no_lines() -> None:
    assert everything() == []


def test_a_line_with_a_column_replaced_differs_in_that_alone(sender: Sender) -> None:
    event = OptInFactory()
    [entry] = everything()
    for name, other in [("seq", 12345), ("source", "Ü"), ("outcome", ""), ("cause_id", event.id)]:
        setattr(event, name, other)
        entry = leaves.replaced(entry, name, _data(other))
        assert entry == as_described(event)
    assert list(leaves.fields(entry)) == list(leaves.COLUMNS)
    event.cause_id = None
    assert leaves.replaced(entry, "cause_id", None) == as_described(event)


def test_the_session_s_own_ways_of_showing_things_do_not_matter(sender: Sender) -> None:
    OptInFactory()
    before = everything()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Tokyo'; SET LOCAL bytea_output = 'escape'")
        cursor.execute("SET LOCAL datestyle = 'German'")
    assert everything() == before

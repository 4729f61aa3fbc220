"""What tests of the record share: a fresh Optbook, ways to look at it, examples rolled back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import transaction

from consents.defaults import DEFAULT_SENDER, ensure_defaults
from consents.importing import rows
from consents.models import (
    ChannelIdentity,
    Confirmation,
    Consent,
    ConsentEvent,
    Contact,
    EventDetail,
    InboundMessage,
    ReviewItem,
    Sender,
    Standing,
)
from tests.consents.factories import NUMBER, OTHER_NUMBER, ContactFactory, OptInFactory, ago

_TABLES = (
    *(ChannelIdentity, Confirmation, Consent, ConsentEvent, Contact, EventDetail),
    *(InboundMessage, ReviewItem, Standing),
)

Counts = dict[str, int]


@pytest.fixture
def sender(db: None) -> Sender:
    """The one sender of a fresh Optbook, with its purposes and keywords."""
    ensure_defaults()
    return Sender.objects.get(key=DEFAULT_SENDER)


@pytest.fixture
def counts() -> Callable[[], Counts]:
    """How many rows each table about people holds."""
    return lambda: {model.__name__: model.objects.count() for model in _TABLES}


@pytest.fixture
def consents_as_read() -> Callable[[], list[dict[str, Any]]]:
    """All states, without the ids of their rows."""
    return lambda: [
        {name: value for name, value in row.items() if name != "id"}
        for row in Consent.objects.order_by("identity", "purpose").values()
    ]


@pytest.fixture
def chunks_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So many rows of an import in each transaction."""
    return lambda count: monkeypatch.setattr(rows, "CHUNK", count)


@pytest.fixture
def rolled_back(db: None) -> Callable[[], AbstractContextManager[None]]:
    """A transaction for one example of many: nothing of it stays for the next."""

    @contextmanager
    def example() -> Iterator[None]:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)

    return example


@pytest.fixture
def person(sender: Sender) -> Contact:
    """One person with two numbers on WhatsApp and one of them on SMS too, all opted in."""
    contact: Contact = ContactFactory()
    for channel, number in [("WHATSAPP", NUMBER), ("WHATSAPP", OTHER_NUMBER), ("SMS", NUMBER)]:
        OptInFactory(contact=contact, channel=channel, identity=number, occurred_at=ago(days=9))
    return contact

"""The gate asked with an API key: the key, its sender and the answer in one query."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from consents import gate
from consents.decision import Permission
from consents.management.commands.create_api_key import create
from consents.models import ApiKey, ChannelIdentity, Sender
from consents.vocabulary import Channel, Reason
from tests.consents.factories import (
    NUMBER,
    MessageFactory,
    OptInFactory,
    PurposeFactory,
    SenderFactory,
    StopFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def key(sender: Sender) -> ApiKey:
    return issue("default")


def issue(*senders: str) -> ApiKey:
    return create("tests", list(senders), ["check"])[0]


def ask(
    key: ApiKey, sender: str | None = None, identity: object = NUMBER, purpose: str = "marketing"
) -> tuple[ApiKey, Permission] | None:
    return gate.check_with_key(bytes(key.digest), sender, Channel.WHATSAPP, identity, purpose)


def answer(*args: Any, **fields: Any) -> Permission:
    asked = ask(*args, **fields)
    assert asked is not None
    return asked[1]


@pytest.mark.parametrize("purpose", ["service", "marketing", "newsletter"])
@pytest.mark.parametrize("identity", [NUMBER, f"+{NUMBER}", "525512345678", "nobody", "1" * 16])
def test_the_answer_is_the_one_that_the_sender_gets(
    sender: Sender, key: ApiKey, identity: str, purpose: str
) -> None:
    PurposeFactory(key="newsletter")
    OptInFactory(purpose="newsletter")
    OptInFactory(purpose="marketing")
    StopFactory(purpose="newsletter")
    MessageFactory()
    OptInFactory(identity="5215512345678")
    expected = gate.check(sender, "WHATSAPP", identity, purpose)
    given = answer(key, identity=identity, purpose=purpose)
    same = {"as_of": expected.as_of, "valid_for": expected.valid_for}
    assert replace(given, **same) == expected


def test_it_takes_one_query(key: ApiKey, django_assert_num_queries: Any) -> None:
    OptInFactory()
    OptInFactory(purpose="marketing")
    with django_assert_num_queries(1):
        asked = ask(key)
        assert asked is not None
        found, permission = asked
        assert permission.allowed
        assert (found, found.scopes, found.prefix) == (key, ["check"], key.prefix)


def test_a_key_of_several_senders_asks_for_the_one_it_names(sender: Sender) -> None:
    other = SenderFactory(key="other")
    OptInFactory(sender=other)
    both = issue("default", "other")
    assert ask(both) is None
    assert answer(both, "other").allowed
    assert answer(both, "default").reason == Reason.UNKNOWN_IDENTITY


def test_who_cannot_ask_gets_no_answer(sender: Sender, key: ApiKey) -> None:
    SenderFactory(key="other")
    assert ask(key, "other") is None
    assert ask(key, "nowhere") is None
    key.senders.clear()
    assert ask(key) is None
    assert gate.check_with_key(b"x" * 32, None, Channel.WHATSAPP, NUMBER, "service") is None


@pytest.mark.parametrize("purpose", ["all", "astrology", "a\0", ""])
def test_what_cannot_be_asked_gets_no_answer(key: ApiKey, purpose: str) -> None:
    assert ask(key, purpose=purpose) is None


def test_who_was_erased_is_still_recognised(key: ApiKey) -> None:
    StopFactory()
    ChannelIdentity.objects.update(address=None, lookup_key=None)
    assert answer(key).reason == Reason.OPTED_OUT

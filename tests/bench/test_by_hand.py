"""What is written by hand is what the product would have written."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.forms import model_to_dict

from bench.by_hand import ByHand
from bench.people import is_opted_in, number
from config.cluster import APPLICATION
from consents import addressbook, commitments, gate, identifiers, ledger
from consents.models import ChannelIdentity, Consent, Purpose, Sender, Standing
from consents.vocabulary import Channel
from providers import outbox
from providers.models import ProviderSync
from tests.conftest import CLUSTER
from tests.consents.conftest import sender as sender
from tests.providers.factories import AccountFactory

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = range(5, 15)


@pytest.fixture
def account(sender: Sender):
    return AccountFactory(kind="sinch_whatsapp")


@pytest.fixture
def hand(sender: Sender, account):
    database = connection.settings_dict["NAME"]
    purpose = Purpose.objects.get(key="all").id
    with closing(CLUSTER.connect(APPLICATION, database)) as own:
        yield ByHand(own, sender.id, purpose, (account.id,), settings.IDENTITY_DIGEST_KEY)


def rows_about(address: str) -> dict[str, Any]:
    """All that is written about somebody, but for ids, times and salts."""
    identity = ChannelIdentity.objects.get(address=address)
    [event] = identity.events.all()
    [sync] = identity.syncs.all()
    rows = {
        "contact": identity.contact,
        "identity": identity,
        "standing": identity.standing,
        "event": event,
        "detail": event.detail,
        "consent": identity.consents.get(),
        "sync": sync,
    }
    return {name: _lasting(row) for name, row in rows.items()}


def _lasting(row: Any) -> dict[str, Any]:
    values = {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}
    of_its_own = {"id", "seq", "address", "lookup_key", "digest", "contact", "identity", "event"}
    return {
        name: value is not None if name.endswith("_at") or name == "since" else value
        for name, value in values.items()
        if name not in of_its_own and not name.endswith(("salt", "commitment"))
    }


def test_an_opt_in_by_hand_is_the_one_that_an_import_records(hand, sender):
    mine, theirs = number(1), number(2)
    hand.opt_in([mine])
    [recorded] = ledger.record_many(
        sender,
        [
            ledger.Entry(
                action="opt_in",
                channel="WHATSAPP",
                identity=theirs,
                source="IMPORT",
                origin="import",
            )
        ],
    )
    assert recorded.event.identity.address == theirs
    assert rows_about(mine) == rows_about(theirs)


def test_people_are_found_by_address_and_by_digest(hand, sender):
    hand.populate(PEOPLE)
    for index in PEOPLE:
        address = identifiers.normalise(Channel.WHATSAPP, number(index))
        found = addressbook.find(sender, [address])[addressbook.key_of(address)]
        assert bytes(found.digest) == commitments.identity_digest("WHATSAPP", number(index))


def test_the_gate_allows_nine_in_ten(hand, sender):
    hand.populate(PEOPLE)
    for index in PEOPLE:
        assert gate.check(sender, "WHATSAPP", number(index)).allowed is is_opted_in(index)
    assert sum(map(is_opted_in, PEOPLE)) == 9


def test_commitments_hold(hand):
    hand.populate(PEOPLE)
    for identity in ChannelIdentity.objects.prefetch_related("events__detail"):
        [event] = identity.events.all()
        detail = event.detail
        assert all((detail.evidence, detail.ip, detail.user_agent))
        assert bytes(event.detail_commitment) == commitments.commit_to_detail(
            bytes(detail.salt), detail.committed()
        )
        assert bytes(event.address_commitment) == commitments.commit_to_address(
            bytes(detail.address_salt), "WHATSAPP", identity.address
        )


def test_a_rebuilt_state_is_the_one_that_was_written(hand):
    hand.populate(PEOPLE)
    identities = list(ChannelIdentity.objects.values_list("id", flat=True))
    states = [model_to_dict(one, exclude=["id"]) for one in Consent.objects.order_by("identity")]
    standings = [model_to_dict(one) for one in Standing.objects.order_by("pk")]
    for identity in identities:
        ledger.rebuild([identity])
    assert states == [
        model_to_dict(one, exclude=["id"]) for one in Consent.objects.order_by("identity")
    ]
    assert standings == [model_to_dict(one) for one in Standing.objects.order_by("pk")]


def test_whoever_is_told_is_owed_nothing(hand):
    hand.populate(PEOPLE)
    assert outbox.enqueue(ChannelIdentity.objects.values_list("id", flat=True)) == 0
    assert set(ProviderSync.objects.values_list("status", flat=True)) == {"succeeded"}


def test_whoever_is_imported_is_owed_to_the_account(hand, account):
    hand.opt_in([number(1), number(2)])
    assert list(account.syncs.values_list("kind", "status")) == [("opt_in", "pending")] * 2

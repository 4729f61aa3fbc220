"""Callbacks stored by one statement: each for itself, whatever its neighbours are."""

from __future__ import annotations

import hashlib

import pytest
from django.db import DatabaseError, connection, transaction

from consents.models.base import new_id
from providers import storing
from providers.models import ProviderAccount
from providers.outcomes import CallbackStatus
from tests.providers.callback_examples import listening, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(sender):
    return listening("sinch_conversation", sender=sender)


def version(account: ProviderAccount) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT xmin::text FROM providers_provideraccount WHERE id = %s", [account.id]
        )
        return str(cursor.fetchone()[0])


def row(account: ProviderAccount, body: bytes, **changes: object) -> storing.Row:
    made = storing.Row(
        account=account.id,
        version=version(account),
        headers="{}",
        body=body,
        digest=hashlib.sha256(body).digest(),
        nonce="",
        status=CallbackStatus.STORED.value,
        outcome="",
        id=new_id(),
    )
    return made._replace(**changes)


def bodies_stored() -> set[bytes]:
    return {bytes(one.body) for one in stored()}


def test_several_are_stored_together(account):
    bodies = [b"one", b"two", b"three"]
    assert storing.store_all([row(account, body) for body in bodies]) == [True, True, True]
    assert bodies_stored() == set(bodies)


def test_of_accounts_that_changed_none_is_stored_and_their_neighbours_are(account):
    stale = row(account, b"stale", version="0")
    assert storing.store_all([row(account, b"one"), stale, row(account, b"two")]) == [
        True,
        False,
        True,
    ]
    assert bodies_stored() == {b"one", b"two"}


def test_repeats_of_what_is_stored_are_the_same_rows(account):
    storing.store_all([row(account, b"one"), row(account, b"two")])
    assert storing.store_all([row(account, b"two"), row(account, b"three")]) == [True, True]
    assert bodies_stored() == {b"one", b"two", b"three"}
    assert len(stored()) == 3


def test_one_that_nobody_understood_is_given_its_second_chance_among_others(account):
    unreadable = CallbackStatus.UNREADABLE.value
    storing.store_all([row(account, b"one", status=unreadable, outcome="not_json")])
    storing.store_all([row(account, b"one"), row(account, b"two")])
    assert [one.status for one in stored()] == [CallbackStatus.STORED.value] * 2


def test_two_of_the_same_body_cannot_go_together_and_store_nothing(account):
    with pytest.raises(DatabaseError), transaction.atomic():
        storing.store_all(
            [row(account, b"one", status="unreadable"), row(account, b"one"), row(account, b"two")]
        )
    assert not stored()


def test_one_that_the_database_refuses_stores_nothing_of_its_neighbours(account):
    with pytest.raises(DatabaseError), transaction.atomic():
        storing.store_all([row(account, b"one"), row(account, b"two", headers='"\\u0000"')])
    assert not stored()

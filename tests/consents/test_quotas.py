"""How much of its rate a key has used: one count, whoever asks."""

import hashlib
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F

from consents import quotas, rates
from consents.models import ApiKey, KeyUse, VisitorUse
from tests.consents.api.test_idempotency import at_once
from tests.consents.factories import SenderFactory

RATE = rates.read("3/min")


@pytest.fixture
def key(db):
    key, _ = ApiKey.issue("shop", ["read"])
    key.save()
    key.senders.add(SenderFactory())
    return key


def test_calls_are_counted_and_those_above_the_rate_are_told(key):
    spent = [quotas.spend(key, RATE) for _ in range(5)]
    assert [quota.remaining for quota in spent] == [2, 1, 0, 0, 0]
    assert [quota.is_exceeded for quota in spent] == [False, False, False, True, True]
    assert all(timedelta() < quota.resets_in <= RATE.span for quota in spent)


def test_a_span_begins_with_its_first_call_and_ends(key):
    for _ in range(5):
        quotas.spend(key, RATE)
    KeyUse.objects.update(began_at=F("began_at") - RATE.span)
    again = quotas.spend(key, RATE)
    assert (again.used, again.resets_in) == (1, RATE.span)


def test_another_key_has_a_count_of_its_own(key):
    other, _ = ApiKey.issue("other shop", ["read"])
    other.save()
    for _ in range(4):
        quotas.spend(key, RATE)
    assert quotas.spend(other, RATE).used == 1


@pytest.mark.django_db(transaction=True)
def test_no_call_is_missed_in_the_count_however_many_come_at_once(key):
    def calls(_):
        return [quotas.spend(key, RATE).used for _ in range(10)]

    counted = [used for thread in at_once(6, calls) for used in thread]
    assert sorted(counted) == list(range(1, 61))


@pytest.mark.parametrize(
    ("general", "own", "counts"),
    [(None, "", None), ("5/s", "", "5/s"), ("5/s", "7/min", "7/min"), (None, "7/min", "7/min")],
)
def test_the_rate_of_a_key_goes_before_the_general_one(settings, general, own, counts):
    settings.API_THROTTLE_RATE = general
    assert quotas.rate_of(ApiKey(rate=own)) == (rates.read(counts) if counts else None)


def test_a_key_cannot_be_given_a_rate_that_is_none(key):
    key.rate = "often"
    with pytest.raises(ValidationError, match="600/min"):
        key.full_clean()


def test_visitors_are_counted_apart_and_not_known_by_what_is_kept(db):
    assert [quotas.spend_as("address 192.0.2.7", RATE).used for _ in range(2)] == [1, 2]
    assert quotas.spend_as("address 192.0.2.8", RATE).used == 1
    kept = {bytes(use.visitor) for use in VisitorUse.objects.all()}
    assert {len(visitor) for visitor in kept} == {32}
    assert hashlib.sha256(b"address 192.0.2.7").digest() not in kept


def test_visitors_of_long_ago_are_forgotten(db):
    quotas.spend_as("address 192.0.2.7", RATE)
    VisitorUse.objects.update(began_at=F("began_at") - timedelta(days=2))
    quotas.spend_as("address 192.0.2.8", RATE)
    assert quotas.purge(timedelta(days=1)) == 1
    assert quotas.purge(timedelta(days=1)) == 0
    assert VisitorUse.objects.count() == 1


@pytest.mark.parametrize("table", ["consents_keyuse", "consents_visitoruse"])
def test_the_count_is_kept_where_it_costs_little(db, table):
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = %s", [table])
        assert cursor.fetchone() == ("u",)

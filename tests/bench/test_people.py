"""The made-up people."""

from __future__ import annotations

from bench.people import Strangers, number, sample
from consents import msisdn


def test_every_number_is_canonical_and_its_own_lookup_key():
    for index in (0, 7, 49_999_999, 99_999_999):
        assert msisdn.read(number(index)) == msisdn.lookup_key(number(index)) == number(index)


def test_no_number_is_one_that_somebody_could_have():
    assert not any(msisdn.seems_valid(number(index)) for index in range(0, 100_000_000, 999_983))


def test_a_sample_is_the_same_every_time_and_names_nobody_twice():
    people = sample(1000, 500)
    assert people == sample(1000, 500)
    assert len(set(people)) == 500
    assert people != sample(1000, 500, seed=8)


def test_a_sample_of_fewer_people_than_asked_for_repeats_them():
    assert len(sample(3, 10)) == 10


def test_a_stranger_is_given_out_once_and_is_not_in_the_book():
    strangers = Strangers()
    taken = [*strangers.take(3), *strangers.take(2), next(strangers.endless())]
    assert len(set(taken)) == 6
    assert min(taken) > number(20_000_000)

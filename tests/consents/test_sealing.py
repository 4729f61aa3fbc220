"""Seals: every line once, none before it is settled, one sealer at a time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction

from consents import leaves, meanings, merkle, seal_keys, sealing, signatures
from consents.models import ConsentEvent, Seal, SealKey, Sender
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    OptInFactory,
    PurposeFactory,
    british_number,
)
from tests.consents.parallel import at_once
from tests.consents.test_feeds import held_open
from tests.consents.test_signatures import new_key


def seal() -> list[Seal]:
    return list(sealing.seal())


def sealed_numbers() -> list[int]:
    """The lines that are sealed, by what the seals say and hold."""
    numbers: list[int] = []
    for one in Seal.objects.order_by("number"):
        entries = list(leaves.entries(one.after, one.upto))
        assert [merkle.leaf(entry) for entry in entries] == one.hashes()
        numbers += map(leaves.seq, entries)
    return numbers


def all_numbers() -> list[int]:
    return list(ConsentEvent.objects.order_by("seq").values_list("seq", flat=True))


@pytest.fixture
def seals_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """So many lines in a seal at most."""
    return lambda count: monkeypatch.setattr(sealing, "LINES_MAX", count)


def test_a_seal_is_over_all_lines_since_the_last(sender: Sender) -> None:
    OptInFactory()
    [first] = seal()
    OptInFactory()
    newest = OptInFactory()
    [second] = seal()
    assert (first.number, first.count, first.previous) == (1, 1, bytes(32))
    assert (second.number, second.count, second.after) == (2, 2, first.upto)
    assert (second.upto, second.previous) == (newest.seq, first.digest())
    assert sealed_numbers() == all_numbers()


def test_where_nothing_is_new_nothing_is_sealed(sender: Sender) -> None:
    assert seal() == []
    OptInFactory()
    seal()
    assert seal() == []


def test_a_seal_is_signed_over_all_its_columns_but_the_leaves(sender: Sender) -> None:
    OptInFactory()
    [made] = seal()
    kept = Seal.objects.get()
    assert kept.statement() == made.statement()
    assert set(kept.statement()) - {"type"} == {
        column.name for column in Seal._meta.concrete_fields
    } - {"signature", "leaves", "meanings"}
    public = seal_keys.signing().public
    assert signatures.is_signed(kept.signed_bytes(), bytes(kept.signature), public)
    assert bytes(SealKey.objects.get(id=made.key_id).public) == public


def test_what_purposes_mean_is_kept_where_it_is_not_as_before(sender: Sender) -> None:
    made = []
    for is_new in (False, False, True, False):
        if is_new:
            PurposeFactory(key="newsletter")
        OptInFactory()
        made += seal()
    assert [one.meanings is None for one in made] == [False, True, False, True]
    assert meanings.of(made[1]) == made[0].meanings
    assert meanings.of(made[3]) == meanings.current() == made[2].meanings
    assert "newsletter" in str(made[2].meanings)


def test_many_lines_are_sealed_seal_by_seal(sender: Sender, seals_of: Any) -> None:
    seals_of(2)
    for _ in range(5):
        OptInFactory()
    assert [made.count for made in seal()] == [2, 2, 1]
    assert sealed_numbers() == all_numbers()


def test_a_new_key_signs_from_then_on(sender: Sender, settings: Any) -> None:
    OptInFactory()
    seal()
    old = settings.LEDGER_SEAL_KEYS
    settings.LEDGER_SEAL_KEYS = [new_key(), *old]
    OptInFactory()
    seal()
    newer, older = Seal.objects.select_related("key")
    assert (newer.key_id, older.key_id) == (
        signatures.read_private(settings.LEDGER_SEAL_KEYS[0]).id,
        signatures.read_private(old[0]).id,
    )
    assert {one.id for one in SealKey.objects.all()} == {newer.key_id, older.key_id}


def test_how_many_lines_are_not_sealed_is_told(sender: Sender) -> None:
    assert sealing.unsealed().count() == 0
    OptInFactory()
    assert sealing.unsealed().count() == 1
    seal()
    OptInFactory()
    OptInFactory()
    assert sealing.unsealed().count() == 2


def test_the_schedule_asks_for_the_first_seal_at_once(sender: Sender, settings: Any) -> None:
    assert sealing.is_due()
    settings.LEDGER_SEAL_MINUTES = 0
    assert not sealing.is_due()


def test_the_schedule_counts_from_the_last_seal(sender: Sender, settings: Any) -> None:
    OptInFactory()
    [last] = seal()
    settings.LEDGER_SEAL_MINUTES = 10
    assert not sealing.is_due(at=last.sealed_at + timedelta(minutes=9))
    assert sealing.is_due(at=last.sealed_at + timedelta(minutes=10))


# --- while others write, and seal


@pytest.mark.django_db(transaction=True)
def test_a_line_that_commits_late_is_sealed_by_the_next_and_none_is_missed(sender: Sender) -> None:
    OptInFactory()
    with held_open(NUMBER):
        OptInFactory(identity=OTHER_NUMBER)
        assert [made.count for made in seal()] == [1]
    assert [made.count for made in seal()] == [2]
    assert sealed_numbers() == all_numbers()


@pytest.mark.django_db(transaction=True)
def test_whoever_has_written_in_the_same_transaction_cannot_seal(sender: Sender) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        seal()


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_seal_every_line_once(sender: Sender, seals_of: Any) -> None:
    seals_of(3)
    for at in range(12):
        OptInFactory(identity=british_number(at))
    made = at_once(seal, seal)
    assert sum(one.count for seals in made for one in seals) == 12
    assert sealed_numbers() == all_numbers()


@pytest.mark.django_db(transaction=True)
def test_sealing_while_events_are_written_skips_none_and_seals_none_twice(
    sender: Sender, seals_of: Any
) -> None:
    seals_of(4)

    def write(start: int) -> None:
        for at in range(start, start + 15):
            OptInFactory(identity=british_number(at))

    at_once(lambda: write(0), lambda: write(100), lambda: [seal() for _ in range(8)])
    seal()
    numbers = sealed_numbers()
    assert (len(numbers), numbers) == (30, all_numbers())

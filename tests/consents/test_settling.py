"""Everybody is looked at again after a purpose's rules have changed, and nobody for ever."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import pytest

from consents import settling
from consents.models import Purpose, Sender
from consents.writing import database_clock
from tests.consents.factories import OptInFactory, british_number

pytestmark = pytest.mark.django_db


def unsettle() -> None:
    """By so much that no transaction can have gone by the old rules."""
    at = database_clock() - settling.TRANSACTIONS_END_WITHIN
    Purpose.objects.filter(key="all").update(unsettled_since=at)


def test_a_look_at_everybody_ends_while_people_are_still_coming(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    unsettle()
    people = [OptInFactory(identity=british_number(at)).identity_id for at in range(3)]
    looked_at: list[UUID] = []
    settle_chunk = settling._settle

    def while_another_comes(chunk: Sequence[UUID]) -> int:
        assert len(looked_at) < 10
        looked_at.extend(chunk)
        OptInFactory(identity=british_number(100 + len(looked_at)))
        return settle_chunk(list(chunk))

    monkeypatch.setattr(settling, "CHUNK", 1)
    monkeypatch.setattr(settling, "_settle", while_another_comes)
    assert settling.settle_purposes() == 0
    assert looked_at == sorted(people)
    assert not Purpose.objects.filter(unsettled_since__isnull=False, key="all").exists()


def test_where_nobody_is_there_a_purpose_is_settled_at_once(sender: Sender) -> None:
    unsettle()
    assert settling.settle_purposes() == 0
    assert not Purpose.objects.filter(unsettled_since__isnull=False, key="all").exists()

"""What is owed of many lines, put in by one statement: the very rows that the others make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from consents import ledger
from consents.entries import Entry
from consents.models import ConsentEvent
from consents.purposes import PurposeTree
from providers.models import ProviderSync
from tests.consents.batch.test_recording import Rolled, few, files, opt_ins, prepare
from tests.consents.books import by_the_general_path
from tests.consents.conftest import rolled_back as rolled_back
from tests.providers.factories import AccountFactory, opt_in_many, opt_out, settled, told

pytestmark = pytest.mark.django_db

Way = Callable[[], AbstractContextManager[None]]


def owed_after(way: Way, parts: Sequence[Sequence[Entry]], rolled_back: Rolled) -> Any:
    """Two accounts, of which one has been told what came of the first part."""
    with rolled_back():
        prepare()
        accounts = [AccountFactory(), AccountFactory()]
        for at, part in enumerate(parts):
            with way():
                ledger.record_many("default", part)
            if at == 0 and ProviderSync.objects.filter(account=accounts[0]).exists():
                settled(accounts[0])
        places = {id: at for at, id in enumerate(_events())}
        return [
            sorted(
                (
                    *(one.identity.channel, one.identity.address, one.kind, one.status),
                    *(one.code, one.is_uncertain, places[one.event_id]),
                )
                for one in account.syncs.select_related("identity")
            )
            for account in accounts
        ]


def _events() -> list[Any]:
    return list(ConsentEvent.objects.order_by("seq").values_list("id", flat=True))


@few
@given(parts=st.lists(files, min_size=1, max_size=3))
def test_many_lines_together_owe_what_they_owe_by_the_general_path(
    sender: Any, rolled_back: Rolled, parts: list[list[Entry]]
) -> None:
    expected = owed_after(by_the_general_path, parts, rolled_back)
    assert owed_after(nullcontext, parts, rolled_back) == expected


def test_what_replaces_a_waiting_row_is_put_in_beside_what_is_new(account: Any) -> None:
    opt_out("447700900000")
    ledger.record_many("default", opt_ins(3))
    assert told(account, "447700900000") == [("opt_out", "pending")]
    ledger.record_many("default", [replace(one, origin="keyword") for one in opt_ins(4)])
    assert told(account, "447700900000") == [("opt_out", "superseded"), ("opt_in", "pending")]
    assert told(account, "447700900003") == [("opt_in", "pending")]


def test_of_many_new_people_nothing_is_read_back(account: Any) -> None:
    PurposeTree.current()  # read once, and again when they have changed
    counts = []
    for first, count in ((0, 10), (10, 400)):
        with CaptureQueriesContext(connection) as captured:
            ledger.record_many("default", opt_ins(count, first))
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert ProviderSync.objects.count() == 410


def test_where_no_account_serves_nothing_is_asked(sender: Any) -> None:
    opt_in_many(["447700900000", "447700900001"])
    assert not ProviderSync.objects.exists()

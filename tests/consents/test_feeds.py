"""How far the ledger can be read in its order without missing a line that commits late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection, connections, transaction

from config.cluster import APPLICATION
from consents import feeds
from consents.models import ConsentEvent
from tests.conftest import CLUSTER
from tests.consents.factories import NUMBER, OTHER_NUMBER, OptInFactory, british_number

pytestmark = pytest.mark.django_db(transaction=True)


class RolledBack(Exception):
    pass


@contextmanager
def held_open(*numbers: str, commits: bool = True) -> Iterator[None]:
    """Another connection records these in a transaction that ends after the block."""
    is_written, may_end = threading.Event(), threading.Event()

    def write() -> None:
        try:
            with transaction.atomic():
                for number in numbers:
                    OptInFactory(identity=number)
                is_written.set()
                may_end.wait(20)
                if not commits:
                    raise RolledBack
        except RolledBack:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            assert is_written.wait(20)
            yield
        finally:
            may_end.set()
            writer.result(20)


def horizon() -> int:
    return feeds.horizon(ConsentEvent)


def test_where_nobody_writes_the_newest_line_is_the_horizon(sender):
    newest = OptInFactory().seq
    assert horizon() == newest


def test_a_line_not_yet_committed_holds_the_horizon_below_it(sender):
    before = OptInFactory().seq
    with held_open(NUMBER, british_number(1)):
        newer = OptInFactory(identity=OTHER_NUMBER).seq
        assert horizon() == before
    assert horizon() == newer
    assert ConsentEvent.objects.filter(seq__lte=newer).count() == 4


def test_a_transaction_that_is_rolled_back_holds_up_nobody_any_more(sender):
    with held_open(NUMBER, commits=False):
        newer = OptInFactory(identity=OTHER_NUMBER).seq
        assert horizon() < newer
    assert horizon() == newer


def test_the_earliest_of_several_open_transactions_counts(sender):
    before = OptInFactory().seq
    with held_open(NUMBER):
        with held_open(OTHER_NUMBER):
            OptInFactory(identity=british_number(1))
            assert horizon() == before
        assert horizon() == before


def test_what_went_back_to_a_savepoint_is_entered_again(sender):
    before = OptInFactory().seq
    with transaction.atomic():
        savepoint = transaction.savepoint()
        OptInFactory(identity=OTHER_NUMBER)
        transaction.savepoint_rollback(savepoint)
        assert horizon_seen_by_others() == before + 1
        OptInFactory(identity=OTHER_NUMBER)
        assert horizon_seen_by_others() == before + 1
    assert horizon() == before + 2


def test_whoever_only_reads_or_changes_other_tables_holds_up_nobody(sender):
    newest = OptInFactory().seq
    with transaction.atomic():
        sender.save()
        list(ConsentEvent.objects.all())
        assert horizon_seen_by_others() == newest


@pytest.mark.parametrize("last", [2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40])
def test_large_numbers_are_read_rightly(sender, as_owner, last):
    as_owner.execute("SELECT setval('consents_consentevent_seq', %s)", [last])
    try:
        with held_open(NUMBER):
            assert OptInFactory(identity=OTHER_NUMBER).seq == last + 2
            assert horizon() == last
        assert horizon() == last + 2
    finally:
        as_owner.execute("SELECT setval('consents_consentevent_seq', 1000)")


def horizon_seen_by_others() -> int:
    database = connections["default"].settings_dict["NAME"]
    with CLUSTER.connect(APPLICATION, database) as other:
        [number] = other.execute(
            "SELECT consents_horizon('consents_consentevent'::regclass)"
        ).fetchone()
        return number

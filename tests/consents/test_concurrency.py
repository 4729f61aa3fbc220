"""Several at once, on real parallel connections: nothing is lost, doubled or left half done."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from consents import confirmation, holds, ledger, window_lines
from consents.entries import Entry
from consents.errors import ConsentError
from consents.ledger import Recorded, once_more_on_deadlock
from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    Contact,
    InboundMessage,
    Sender,
    Standing,
)
from consents.writing import database_clock
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    StopFactory,
    british_number,
    swedish_number,
)
from tests.consents.parallel import (
    PATIENCE,
    Work,
    Worker,
    at_once,
    attempt_at_once,
    is_somebody_waiting,
    wait_until,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sender")]

ROUNDS = 6


def states() -> dict[str, str]:
    return dict(Consent.objects.values_list("identity__address", "state"))


def assert_state_follows_from_the_ledger() -> None:
    before = list(Consent.objects.order_by("pk").values())
    ledger.rebuild(ChannelIdentity.objects.values_list("id", flat=True))
    assert list(Consent.objects.order_by("pk").values()) == before


def test_writes_for_one_identity_are_all_there_one_after_another() -> None:
    at_once(*(OptInFactory, OptOutFactory) * 3)
    lines = list(ConsentEvent.objects.order_by("recorded_at"))
    assert len({line.recorded_at for line in lines}) == len(lines) == 6
    expected = {"opt_in": "opted_in", "opt_out": "opted_out"}[lines[-1].action]
    assert Consent.objects.get().state == expected
    assert Standing.objects.get().last_recorded_at == lines[-1].recorded_at
    assert_state_follows_from_the_ledger()


def test_exactly_one_of_several_equal_writes_changes_something() -> None:
    events = at_once(*[OptInFactory] * 6)
    assert sorted(event.outcome for event in events) == ["changed"] + ["no_change"] * 5


def test_first_writes_that_make_the_same_identity_make_it_once() -> None:
    for index in range(ROUNDS):
        number = british_number(index)
        record = [lambda n=number: OptInFactory(identity=n)] * 3
        receive = [lambda n=number: MessageFactory(identity=n, text="hello")]
        at_once(*record, *receive)
    assert ChannelIdentity.objects.count() == Standing.objects.count() == ROUNDS
    assert Contact.objects.count() == ROUNDS
    assert ConsentEvent.objects.filter(action="opt_in").count() == 3 * ROUNDS


def rows(action: str, numbers: list[str], **fields: Any) -> list[Entry]:
    return [
        Entry(**{"action": action, "channel": "SMS", "identity": number, "source": "CSV", **fields})
        for number in numbers
    ]


def record_many(entries: list[Entry]) -> list[Any]:
    results = ledger.record_many("default", entries)
    assert all(isinstance(result, Recorded) for result in results)
    return results


def test_bulks_in_opposite_order_do_not_stand_in_each_others_way() -> None:
    for round_ in range(ROUNDS):
        # Every second round meets the identities that the one before has made.
        numbers = [british_number(100 * (round_ // 2) + index) for index in range(40)]
        there, back = rows("opt_in", numbers), rows("opt_out", numbers[::-1])
        at_once(lambda: record_many(there), lambda: record_many(back))  # noqa: B023
    assert ConsentEvent.objects.count() == ROUNDS * 80
    assert_state_follows_from_the_ledger()


def test_stops_of_whole_families_in_opposite_order_do_not_stand_in_each_others_way() -> None:
    contacts = ContactFactory.create_batch(6)
    for index, contact in enumerate(contacts * 2):
        OptInFactory(contact=contact, channel="SMS", identity=british_number(index))
    stops = {"origin": "keyword"}
    for _ in range(ROUNDS):
        there = rows("opt_out", [british_number(index) for index in range(6)], **stops)
        back = rows("opt_out", [british_number(index) for index in range(11, 5, -1)], **stops)
        at_once(lambda: record_many(there), lambda: record_many(back))  # noqa: B023
    assert ConsentEvent.objects.filter(action="opt_out").count() == ROUNDS * 24
    assert set(states().values()) == {"opted_out"}


def test_two_purposes_withdrawn_at_once_leave_no_right_to_write() -> None:
    for index in range(ROUNDS):
        number = swedish_number(index)
        for purpose in ("marketing", "utility"):
            OptInFactory(identity=number, purpose=purpose)
        at_once(
            lambda n=number: OptOutFactory(identity=n, purpose="marketing"),
            lambda n=number: OptOutFactory(identity=n, purpose="utility"),
        )
    assert set(Standing.objects.values_list("may_write", flat=True)) == {False}


def test_a_stop_reaches_an_identity_that_is_joining_at_that_moment() -> None:
    for index in range(ROUNDS):
        contact = ContactFactory()
        old, new = british_number(index), british_number(500 + index)
        OptInFactory(contact=contact, identity=old)
        at_once(
            lambda n=old: StopFactory(identity=n),
            lambda n=new, c=contact: OptInFactory(identity=n, contact=c, origin="provider"),
        )
    assert set(states().values()) == {"opted_out"}
    assert len(states()) == 2 * ROUNDS


def test_one_of_many_claims_of_a_confirmation_is_granted(sender: Sender) -> None:
    contact = ContactFactory()
    for number in (NUMBER, OTHER_NUMBER):
        OptInFactory(contact=contact, identity=number)
    StopFactory()
    claims = [
        lambda n=number: confirmation.claim(sender, "WHATSAPP", n)
        for number in (NUMBER, OTHER_NUMBER)
    ]
    answers = at_once(*claims * 3)
    assert sorted(answer.allowed for answer in answers) == [False] * 5 + [True]


def test_a_message_that_comes_twice_at_once_counts_once() -> None:
    for index in range(ROUNDS):
        number = swedish_number(index)
        received = at_once(
            *[
                lambda n=number: MessageFactory(
                    identity=n, message_id=f"wamid.{n}", text="please stop writing"
                )
            ]
            * 3
        )
        assert sorted(one.is_repeat for one in received) == [False, True, True]
    assert InboundMessage.objects.count() == ROUNDS
    assert ConsentEvent.objects.filter(action="held").count() == ROUNDS


def test_messages_at_once_open_one_window() -> None:
    at_once(*[MessageFactory] * 5)
    lines = ConsentEvent.objects.values_list("action", flat=True)
    assert list(lines) == ["window_opened"]
    newest = InboundMessage.objects.order_by("-received_at").first()
    assert newest is not None
    assert Standing.objects.get().last_inbound_at == newest.received_at


def test_sweeps_at_once_close_each_window_once() -> None:
    for index in range(6):
        MessageFactory(
            identity=swedish_number(index), received_at=timezone.now() - timedelta(days=2)
        )
    closed = at_once(*[window_lines.close_run_out] * 3)
    assert sum(closed) == ConsentEvent.objects.filter(action="window_closed").count() == 6


def test_a_line_is_voided_once_and_a_hold_released_once() -> None:
    mistake = OptInFactory()
    [hold] = [
        event for event in MessageFactory(text="do not stop").events if event.action == "held"
    ]
    voided = attempt_at_once(*[lambda: ledger.void(mistake, note="oops", actor="staff")] * 3)
    released = attempt_at_once(*[lambda: holds.release(hold, actor="staff")] * 3)
    for results, code in ((voided, "already_void"), (released, "not_held")):
        refusals = [result for result in results if isinstance(result, ConsentError)]
        assert [refusal.code for refusal in refusals] == [code, code]


# --- somebody who holds on for long


@pytest.fixture
def writer_behind_a_long_transaction() -> Iterator[tuple[Worker, Any]]:
    """A stop that waits while another transaction holds the standing, and when that was so."""
    identity = OptInFactory().identity_id
    worker = Worker(StopFactory)
    with transaction.atomic():
        [_] = Standing.objects.locked([identity])
        worker.start()
        wait_until(is_somebody_waiting)
        OptInFactory(identity=OTHER_NUMBER)
        waited_at = database_clock()
        assert worker.is_alive()
    yield worker, waited_at
    worker.finish()


def test_who_waits_for_a_long_transaction_is_written_down_after_it(
    writer_behind_a_long_transaction: tuple[Worker, Any],
) -> None:
    worker, waited_at = writer_behind_a_long_transaction
    stop = worker.finish()
    assert stop.recorded_at > waited_at
    assert states() == {NUMBER: "opted_out", OTHER_NUMBER: "opted_in"}


def while_it_waits(work: Work, meanwhile: Work, hold: Work) -> Any:
    """What came of `work`, which meets what a transaction of ours holds and does meanwhile."""
    worker = Worker(work)
    with transaction.atomic():
        hold()
        worker.start()
        wait_until(is_somebody_waiting)
        with connection.cursor() as cursor:
            # Before the database looks for deadlocks, and perhaps ends the other one.
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
        meanwhile()
    return worker.finish()


def test_a_stop_that_waits_for_somebody_to_join_counts_for_them_too() -> None:
    contact = ContactFactory()
    OptInFactory(contact=contact)
    stop = while_it_waits(
        StopFactory,
        hold=lambda: OptInFactory(identity=OTHER_NUMBER, contact=contact, origin="provider"),
        meanwhile=lambda: None,
    )
    assert stop.outcome == "changed"
    assert states() == {NUMBER: "opted_out", OTHER_NUMBER: "opted_out"}


@pytest.mark.parametrize("are_known", [True, False], ids=["known", "new"])
def test_a_bulk_that_waits_for_one_identity_holds_none_that_comes_after_it(are_known: bool) -> None:
    numbers = [british_number(index) for index in range(3)]
    if are_known:
        record_many(rows("opt_in", numbers))
        known = ChannelIdentity.objects.filter(address__in=numbers).order_by("id")
        numbers = [str(identity.address) for identity in known]
    _, middle, last = numbers
    results = while_it_waits(
        lambda: record_many(rows("opt_out", numbers[::-1])),
        hold=lambda: record_many(rows("opt_in", [middle])),
        meanwhile=lambda: record_many(rows("opt_in", [last])),
    )
    assert len(results) == 3


# --- deadlocks


def deadlock() -> OperationalError:
    error: Any = OperationalError("deadlock detected")
    error.sqlstate = "40P01"
    return error


def failing(*errors: Exception) -> tuple[Work, list[int]]:
    calls: list[int] = []

    def work() -> str:
        calls.append(1)
        if len(calls) <= len(errors):
            raise errors[len(calls) - 1]
        return "done"

    return work, calls


def test_a_deadlock_is_tried_once_more() -> None:
    work, calls = failing(deadlock())
    assert (once_more_on_deadlock(work), len(calls)) == ("done", 2)


@pytest.mark.parametrize(
    ("errors", "tries"),
    [([deadlock(), deadlock()], 2), ([OperationalError("gone")], 1), ([ValueError()], 1)],
)
def test_what_fails_again_or_otherwise_is_told(errors: list[Exception], tries: int) -> None:
    work, calls = failing(*errors)
    with pytest.raises(type(errors[0])):
        once_more_on_deadlock(work)
    assert len(calls) == tries


def test_a_deadlock_inside_somebody_elses_transaction_is_theirs() -> None:
    work, calls = failing(deadlock())
    with pytest.raises(OperationalError), transaction.atomic():
        once_more_on_deadlock(work)
    assert len(calls) == 1


def test_a_real_deadlock_ends_with_both_done() -> None:
    ids = [OptInFactory(identity=number).identity_id for number in (NUMBER, OTHER_NUMBER)]
    both_hold_one, one_has_both = threading.Barrier(2), threading.Event()
    tries = list[Any]()

    def lock(order: list[Any]) -> str:
        first, second = order
        if len(tries) == 2:
            # Whoever tries again at once may be served before the one who waits, who has the other.
            assert one_has_both.wait(PATIENCE)
        [_] = Standing.objects.locked([first])
        tries.append(first)
        if len(tries) <= 2:
            both_hold_one.wait(PATIENCE)
        [_] = Standing.objects.locked([second])
        one_has_both.set()
        return "done"

    results = attempt_at_once(
        lambda: once_more_on_deadlock(lambda: lock(ids)),
        lambda: once_more_on_deadlock(lambda: lock(ids[::-1])),
    )
    assert (results, len(tries)) == (["done", "done"], 3)

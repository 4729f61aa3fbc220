"""The ledger: what is written down, and what it does to the state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consents import ledger
from consents.entries import Entry
from consents.errors import ConsentError
from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    Contact,
    EventDetail,
    Standing,
)
from consents.purposes import PurposeTree
from consents.signals import Lines, lines_recorded
from tests.consents.conftest import Counts
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    ago,
    bulk,
    entry,
    recorded,
    state_of,
    swedish_number,
)

pytestmark = pytest.mark.usefixtures("sender")


# --- one line


def test_an_opt_in_is_written_down_with_its_effect() -> None:
    event = OptInFactory()
    assert (event.effective, event.outcome) == (True, "changed")
    assert event.occurred_at == event.recorded_at
    assert Consent.objects.get().event == event
    assert Standing.objects.get().may_write is True


def test_an_unknown_identity_creates_its_contact() -> None:
    event = OptInFactory()
    identity = ChannelIdentity.objects.get()
    assert (identity.address, identity.id) == (NUMBER, event.identity_id)
    assert identity.contact == Contact.objects.get()


def test_what_is_personal_is_kept_beside_the_line_and_not_in_it() -> None:
    evidence = {"wording": "Yes, write to me", "policy_version": 3}
    event = OptInFactory(
        ip="2001:db8::1", user_agent="Firefox", evidence=evidence, note="by telephone"
    )
    detail = EventDetail.objects.get(event=event)
    kept = (detail.ip, detail.user_agent, detail.evidence, detail.note)
    assert kept == ("2001:db8::1", "Firefox", evidence, "by telephone")


def test_two_spellings_of_a_number_are_one_identity() -> None:
    OptInFactory(identity="+46 73-200 11 22")
    OptOutFactory(identity=NUMBER)
    assert ChannelIdentity.objects.count() == 1
    assert state_of() == "opted_out"


def test_two_senders_keep_separate_books() -> None:
    OptOutFactory(sender=SenderFactory())
    assert OptInFactory().outcome == "changed"
    assert ChannelIdentity.objects.count() == 2


def test_recorded_times_of_an_identity_only_ever_grow() -> None:
    results = bulk(*(entry(action) for action in ["opt_in", "opt_out"] * 10))
    lines = [recorded(result) for result in results] + [OptInFactory()]
    times = [line.recorded_at for line in lines]
    assert times == sorted(set(times))
    assert Standing.objects.get().last_recorded_at == times[-1]


def test_a_line_is_recorded_after_the_last_one_even_when_the_clock_goes_back() -> None:
    OptInFactory()
    ahead = timezone.now() + timedelta(hours=1)
    Standing.objects.update(last_recorded_at=ahead)
    stop = OptOutFactory()
    assert stop.recorded_at == stop.occurred_at == ahead + timedelta(microseconds=1)
    assert state_of() == "opted_out"


# --- outcome


def test_a_repeated_opt_in_is_written_down_and_changes_nothing() -> None:
    first, second = OptInFactory(), OptInFactory()
    assert (second.effective, second.outcome) == (False, "no_change")
    assert second.recorded_at > first.recorded_at
    assert ConsentEvent.objects.count() == 2
    assert Consent.objects.get().event == first


def test_an_opt_out_older_than_the_opt_in_that_lifts_it_is_out_of_order() -> None:
    OptInFactory()
    late = OptOutFactory(occurred_at=ago(days=1))
    assert (late.effective, late.outcome) == (False, "out_of_order")
    assert state_of() == "opted_in"


def test_an_opt_out_counts_against_an_older_opt_in_however_late_it_comes() -> None:
    OptInFactory(occurred_at=ago(days=2))
    assert OptOutFactory(occurred_at=ago(days=1)).outcome == "changed"
    assert OptInFactory(occurred_at=ago(days=1, minutes=1)).outcome == "out_of_order"
    assert state_of() == "opted_out"


def test_the_line_that_made_the_state_is_the_one_that_occurred_first_however_late_it_comes() -> (
    None
):
    OptInFactory(occurred_at=ago(days=1))
    earlier = OptInFactory(occurred_at=ago(days=2))
    assert earlier.outcome == "no_change"
    assert Consent.objects.get().event == earlier
    assert Consent.objects.get().since == earlier.occurred_at


def test_no_change_compares_with_the_rows_own_purpose_never_an_inherited_one() -> None:
    OptInFactory()
    assert OptInFactory(purpose="marketing").outcome == "changed"
    assert OptInFactory(purpose="marketing").outcome == "no_change"


def test_at_equal_times_the_opt_out_wins_whichever_comes_first() -> None:
    when = ago(hours=1)
    for first, second, number in (
        (OptInFactory, OptOutFactory, NUMBER),
        (OptOutFactory, OptInFactory, OTHER_NUMBER),
    ):
        first(identity=number, occurred_at=when)
        second(identity=number, occurred_at=when)
        assert state_of(number) == "opted_out"


# --- the doorbell


@pytest.fixture
def bells() -> Iterator[list[list[ConsentEvent]]]:
    """What rang: `post_save` for one line, `lines_recorded` for several."""
    rung: list[list[ConsentEvent]] = []

    def one(instance: ConsentEvent, **_: Any) -> None:
        rung.append([instance])

    def many(lines: Lines, **_: Any) -> None:
        rung.append(list(lines.events))

    post_save.connect(one, sender=ConsentEvent)
    lines_recorded.connect(many)
    yield rung
    post_save.disconnect(one, sender=ConsentEvent)
    lines_recorded.disconnect(many)


def test_every_line_rings_the_doorbell_once(bells: list[list[ConsentEvent]]) -> None:
    event = OptInFactory()
    bulk(entry("opt_out"), entry())
    assert [len(rung) for rung in bells] == [1, 2]
    assert bells[0] == [event]


def test_a_doorbell_that_fails_leaves_nothing_behind(counts: Callable[[], Counts]) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError

    before = counts()
    post_save.connect(broken, sender=ConsentEvent)
    try:
        with pytest.raises(RuntimeError), transaction.atomic():
            OptInFactory()
    finally:
        post_save.disconnect(broken, sender=ConsentEvent)
    assert counts() == before


# --- the work of many is the work of one


def queries_for(work: Callable[[], object]) -> int:
    PurposeTree.current()  # read once, and again when they have changed
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def one_each(count: int, action: str = "opt_in", **fields: Any) -> list[Entry]:
    return [entry(action, identity=swedish_number(index), **fields) for index in range(count)]


def in_and_out_late(count: int) -> list[Entry]:
    """For each identity two lines, the newer first."""
    newer = one_each(count, "opt_out", occurred_at=ago(hours=1))
    return newer + one_each(count, occurred_at=ago(hours=2))


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(one_each, id="new"),
        pytest.param(lambda n: one_each(n, "opt_out", origin="keyword"), id="spreading"),
        pytest.param(in_and_out_late, id="out of order among themselves"),
    ],
)
def test_a_bulk_asks_the_database_no_more_often_for_many_than_for_few(
    entries: Callable[[int], list[Entry]], rolled_back: Callable[[], Any]
) -> None:
    def take(count: int) -> int:
        with rolled_back():
            return queries_for(lambda: bulk(*entries(count)))

    assert take(40) == take(3)


@pytest.mark.parametrize("purpose", ["all", "marketing"])
def test_a_late_bulk_reads_the_history_of_all_in_one_go(
    purpose: str, rolled_back: Callable[[], Any]
) -> None:
    bulk(*one_each(40))

    def late(count: int) -> list[Entry]:
        rows = [("opt_out", 2), ("opt_in", 3)]
        return [
            row
            for action, days in rows
            for row in one_each(count, action, purpose=purpose, occurred_at=ago(days=days))
        ]

    def take(count: int) -> int:
        with rolled_back():
            return queries_for(lambda: bulk(*late(count)))

    assert take(40) == take(3)


def test_a_bulk_about_contacts_asks_no_more_often_for_many_than_for_few() -> None:
    contacts = ContactFactory.create_batch(20)
    bulk(*(entry(identity=swedish_number(n), contact=c) for n, c in enumerate(contacts)))

    def take(some: Sequence[Contact]) -> int:
        entries = [entry("opt_out", contact=c, channel=None, identity=None) for c in some]
        return queries_for(lambda: bulk(*entries))

    assert take(contacts[:2]) == take(contacts[2:])


# --- void


def test_voiding_a_line_takes_it_out_of_the_state_and_leaves_it_written(
    consents_as_read: Callable[[], list[dict[str, Any]]],
) -> None:
    OptInFactory(occurred_at=ago(days=2))
    before = consents_as_read()
    mistake = OptOutFactory()
    voiding = ledger.void(mistake, note="meant for somebody else", actor="staff")
    assert (voiding.action, voiding.cause, voiding.detail.note) == (
        "voided",
        mistake,
        "meant for somebody else",
    )
    assert consents_as_read() == before
    assert ConsentEvent.objects.count() == 3


def test_voiding_the_only_line_leaves_no_state_and_no_right_to_write() -> None:
    ledger.void(OptInFactory(), note="wrong form", actor="staff")
    assert not Consent.objects.exists()
    assert Standing.objects.get().may_write is False


def test_voiding_an_opt_in_brings_back_the_opt_out_that_it_had_lifted() -> None:
    StopFactory(occurred_at=ago(hours=1))
    ledger.void(OptInFactory(), note="wrong form", actor="staff")
    assert state_of() == "opted_out"


def test_a_void_line_stays_out_when_an_older_line_makes_the_state_be_folded_anew() -> None:
    OptInFactory(occurred_at=ago(days=3))
    ledger.void(OptOutFactory(occurred_at=ago(days=1)), note="mistake", actor="staff")
    OptInFactory(occurred_at=ago(days=4))
    assert state_of() == "opted_in"


@pytest.mark.parametrize("origin", ["keyword", "preference_page", "provider"])
def test_a_persons_own_opt_out_cannot_be_voided(origin: str) -> None:
    stop = OptOutFactory(origin=origin)
    with pytest.raises(ConsentError) as caught:
        ledger.void(stop, note="no", actor="staff")
    assert (caught.value.code, state_of()) == ("not_voidable", "opted_out")


def test_what_cannot_be_voided_is_refused_and_changes_nothing(
    counts: Callable[[], Counts],
) -> None:
    event = OptInFactory()
    with pytest.raises(ConsentError) as no_note:
        ledger.void(event, note=" ", actor="staff")
    voiding = ledger.void(event, note="mistake", actor="staff")
    before = counts()
    with pytest.raises(ConsentError) as twice:
        ledger.void(event, note="mistake", actor="staff")
    with pytest.raises(ConsentError) as voided_void:
        ledger.void(voiding, note="mistake", actor="staff")
    codes = [caught.value.code for caught in (no_note, twice, voided_void)]
    assert codes == ["note_required", "already_void", "not_voidable"]
    assert counts() == before


# --- rebuild


def test_rebuilding_from_the_ledger_gives_the_state_there_was(
    person: Contact, consents_as_read: Callable[[], list[dict[str, Any]]]
) -> None:
    StopFactory(occurred_at=ago(hours=1))
    OptInFactory(purpose="marketing")
    ledger.void(OptInFactory(identity=swedish_number(3)), note="mistake", actor="staff")
    before = consents_as_read(), list(Standing.objects.order_by("pk").values())
    identities = list(ChannelIdentity.objects.values_list("id", flat=True))
    Consent.objects.all().delete()
    Standing.objects.update(may_write=None)
    ledger.rebuild(identities)
    assert (consents_as_read(), list(Standing.objects.order_by("pk").values())) == before


def test_rebuilding_drops_a_state_that_no_line_supports() -> None:
    event = OptInFactory()
    ledger.void(event, note="mistake", actor="staff")
    Consent.objects.create(
        identity=event.identity,
        purpose=event.purpose,
        state="opted_in",
        event=event,
        since=event.occurred_at,
    )
    ledger.rebuild([event.identity_id])
    assert not Consent.objects.exists()


def test_rebuilding_nobody_does_nothing() -> None:
    ledger.rebuild([])
    assert not Standing.objects.exists()

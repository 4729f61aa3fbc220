"""Random histories: the product against a naive reading of the rules, and against itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consents import gate, ledger
from consents.decision import Permission
from consents.entries import Entry
from consents.ledger import Recorded
from consents.models import ChannelIdentity, Consent, ConsentEvent, Sender, Standing
from consents.vocabulary import Basis
from tests.consents.asking import together
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    OptInFactory,
    PurposeFactory,
    StopFactory,
    swedish_number,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STRANGER = swedish_number(0)
FAMILY = (NUMBER, OTHER_NUMBER)
PEOPLE = (*FAMILY, STRANGER)
CHAINS = {
    "service": ("all", "service"),
    "utility": ("all", "utility"),
    "marketing": ("all", "marketing"),
    "newsletter": ("all", "marketing", "newsletter"),
    "profiling": ("all", "marketing", "profiling"),
}
PURPOSES = ("all", "service", "marketing", "newsletter", "profiling")
OWN_CONSENT = {"profiling"}
Rolled = Callable[[], AbstractContextManager[None]]

few = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Said:
    """One statement, with the minute at which it occurred."""

    action: str
    number: str
    purpose: str
    minute: int
    origin: str
    note: str = ""
    is_voided: bool = False

    def entry(self) -> Entry:
        return Entry(
            action=self.action,
            channel="WHATSAPP",
            identity=self.number,
            purpose=self.purpose,
            source="X",
            origin=self.origin,
            note=self.note,
            occurred_at=START + timedelta(minutes=self.minute),
        )

    @property
    def can_be_voided(self) -> bool:
        is_own = self.origin in ("keyword", "provider", "preference_page")
        return self.action == "opt_in" or not is_own


says = st.builds(
    Said,
    action=st.sampled_from(["opt_in", "opt_out"]),
    # Few, so that several things are said of the same.
    number=st.sampled_from([NUMBER, *PEOPLE]),
    purpose=st.sampled_from(["all", "marketing", *PURPOSES]),
    minute=st.integers(0, 4),
    origin=st.sampled_from(
        ["api", "import", "admin", "keyword", "preference_page", "provider", "dropin"]
    ),
    note=st.sampled_from(["", "asked us by telephone"]),
    is_voided=st.booleans(),
)
histories = st.lists(says, min_size=1, max_size=8)


# --- the rules once more, as their sentences stand


def counts_for(said: Said, number: str) -> bool:
    spreads = said.action == "opt_out" and said.origin in ("keyword", "preference_page", "provider")
    return said.number == number or (spreads and said.number in FAMILY and number in FAMILY)


def lifts(opt_in: Said, opt_out: Said) -> bool:
    if opt_in.action != "opt_in" or opt_in.minute <= opt_out.minute:
        return False
    match opt_in.origin:
        case "api" | "import" | "keyword" | "preference_page":
            return True
        case "admin":
            return opt_in.note != ""
        case "dropin":
            return opt_out.origin == "dropin"
    return False


def naive(history: Sequence[Said], number: str, chain: Sequence[str], own_only: bool) -> str | None:
    valid = [
        one
        for one in history
        if counts_for(one, number) and not (one.is_voided and one.can_be_voided)
    ]
    for level, purpose in enumerate(chain):
        for out in valid:
            if out.action == "opt_out" and out.purpose == purpose:
                narrower = [one for one in valid if one.purpose in chain[level:]]
                if not any(lifts(one, out) for one in narrower):
                    return "opted_out"
    allowing = chain[-1:] if own_only else chain
    is_in = any(one.action == "opt_in" and one.purpose in allowing for one in valid)
    return "opted_in" if is_in else None


# --- the product


def prepare() -> list[Said]:
    """Three numbers known to Optbook, two of them one person's, by notices that lift nothing."""
    PurposeFactory(key="newsletter")
    PurposeFactory(key="profiling", requires_own_consent=True)
    contact = ContactFactory()
    known = [Said("opt_in", number, "all", -9, "provider") for number in PEOPLE]
    for said in known:
        owner = {"contact": contact} if said.number in FAMILY else {}
        OptInFactory(
            identity=said.number, origin="provider", occurred_at=said.entry().occurred_at, **owner
        )
    return known


def void(pairs: Iterable[tuple[Said, ConsentEvent]]) -> None:
    for said, event in pairs:
        if said.is_voided and said.can_be_voided:
            ledger.void(event, note="entered in error", actor="staff")


def record_one_by_one(history: Sequence[Said]) -> None:
    for said in history:
        entry = said.entry()
        fields = {name: getattr(entry, name) for name in entry.__slots__}
        void([(said, ledger.record("default", **fields).event)])


def record_in_bulk(history: Sequence[Said]) -> None:
    results = ledger.record_many("default", [said.entry() for said in history])
    events = [result.event for result in results if isinstance(result, Recorded)]
    assert len(events) == len(history)
    void(zip(history, events, strict=True))


def as_it_stands() -> dict[tuple[str | None, str], dict[str, Any]]:
    """Every state but for ids, which differ from one telling to the next."""
    rows = Consent.objects.select_related("identity", "purpose")
    times = ("since", "opted_in_at", "lifted_at", "dropin_lifted_at")
    more = ("opted_out_at", "dropin_opted_out_at", "state")
    return {
        (row.identity.address, row.purpose.key): {name: getattr(row, name) for name in times + more}
        for row in rows
    }


def told(record: Callable[[Sequence[Said]], None], history: Sequence[Said], rolled: Rolled) -> Any:
    with rolled():
        prepare()
        record(history)
        return as_it_stands()


@few
@given(histories)
def test_the_product_agrees_with_the_rules_as_they_are_written(
    sender: Sender, rolled_back: Rolled, history: list[Said]
) -> None:
    with rolled_back():
        history = prepare() + history
        record_one_by_one(history[len(PEOPLE) :])
        for number in PEOPLE:
            may = {
                purpose: naive(history, number, chain, purpose in OWN_CONSENT)
                for purpose, chain in CHAINS.items()
            }
            answers = {purpose: gate.check(sender, "WHATSAPP", number, purpose) for purpose in may}
            assert {purpose: answer.basis for purpose, answer in answers.items()} == {
                purpose: Basis.OPT_IN if state == "opted_in" else None
                for purpose, state in may.items()
            }
            is_out = {purpose: answer.reason == "opted_out" for purpose, answer in answers.items()}
            assert is_out == {purpose: state == "opted_out" for purpose, state in may.items()}
            standing = Standing.objects.get(identity__address=number)
            assert standing.may_write is ("opted_in" in may.values())
        for (address, purpose), row in as_it_stands().items():
            assert row["state"] == naive(history, str(address), [purpose], False)


@few
@given(histories, st.randoms(use_true_random=False))
def test_any_order_one_by_one_or_in_bulk_ends_in_the_same_state(
    sender: Sender, rolled_back: Rolled, history: list[Said], random: Any
) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)
    cut = random.randint(0, len(history))

    def in_two_bulks(some: Sequence[Said]) -> None:
        record_in_bulk(some[:cut])
        record_in_bulk(some[cut:])

    expected = told(record_one_by_one, history, rolled_back)
    assert told(record_in_bulk, history, rolled_back) == expected
    assert told(in_two_bulks, shuffled, rolled_back) == expected


@few
@given(histories)
def test_rebuilding_from_the_ledger_gives_the_live_state(
    sender: Sender, rolled_back: Rolled, history: list[Said]
) -> None:
    with rolled_back():
        prepare()
        record_in_bulk(history)
        live = as_it_stands(), list(Standing.objects.order_by("pk").values())
        lines = dict(Consent.objects.values_list("pk", "event"))
        Consent.objects.all().delete()
        Standing.objects.update(may_write=None)
        ledger.rebuild(ChannelIdentity.objects.values_list("id", flat=True))
        assert (as_it_stands(), list(Standing.objects.order_by("pk").values())) == live
        assert sorted(lines.values()) == sorted(Consent.objects.values_list("event", flat=True))


@few
@given(histories)
def test_asking_for_many_answers_what_asking_for_each_answers(
    sender: Sender, rolled_back: Rolled, history: list[Said]
) -> None:
    asked = [*PEOPLE, swedish_number(1), "no number", f"+{NUMBER}"]
    with rolled_back():
        prepare()
        record_in_bulk(history)
        MessageFactory(identity=NUMBER)
        MessageFactory(identity=STRANGER, text="do not stop")
        for purpose in CHAINS:
            one_by_one = [gate.check(sender, "WHATSAPP", each, purpose) for each in asked]
            for one, other in zip(one_by_one, together(sender, asked, purpose), strict=True):
                assert decision(one) == decision(other)


def decision(answer: Permission) -> tuple[object, ...]:
    rest = (answer.expires_at, answer.free_form_until, answer.event)
    return (answer.allowed, tuple(answer.modes), answer.basis, answer.reason, *rest)


# --- nobody comes back who did not ask to

minutes = st.integers(0, 60).map(lambda minute: timedelta(minutes=minute))
not_entitled = st.tuples(
    st.sampled_from(["opt_in", "opt_in", "opt_out", "silent bulk", "message", "void"]),
    st.sampled_from(["provider", "import", "admin", "system", "dropin"]),
    st.sampled_from(PURPOSES),
    minutes | st.none(),
)


def act(what: str, origin: str, purpose: str, later: timedelta | None) -> None:
    when = None if later is None else START + later
    match what:
        case "message":
            MessageFactory(text="yes ok, when does my parcel come?", received_at=when)
        case "void":
            for event in ConsentEvent.objects.filter(action="opt_in"):
                if not event.consequences.exists():
                    ledger.void(event, note="entered in error", actor="staff")
        case "silent bulk":
            entry = Said("opt_in", NUMBER, purpose, 0, "api").entry()
            fields = {name: getattr(entry, name) for name in entry.__slots__}
            ledger.record_many("default", [Entry(**{**fields, "occurred_at": None})])
        case _:
            # A stated time entitles an import, so it states none.
            stated = None if origin == "import" else when
            OptInFactory(action=what, origin=origin, purpose=purpose, occurred_at=stated)


@pytest.mark.parametrize("door", ["keyword", "preference_page"])
@few
@given(doings=st.lists(not_entitled, max_size=8))
def test_nothing_without_entitlement_brings_back_who_has_opted_out(
    sender: Sender, rolled_back: Rolled, door: str, doings: list[tuple[Any, ...]]
) -> None:
    with rolled_back():
        PurposeFactory(key="newsletter")
        PurposeFactory(key="profiling", requires_own_consent=True)
        OptInFactory(occurred_at=START - timedelta(days=1))
        StopFactory(origin=door, occurred_at=START)
        for doing in doings:
            act(*doing)
        for purpose in CHAINS:
            answer = gate.check(sender, "WHATSAPP", NUMBER, purpose)
            assert answer.basis != Basis.OPT_IN
        assert Standing.objects.get().may_write is False

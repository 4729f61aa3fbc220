"""Double opt-in: what is handed in for a person counts once that person has said yes to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from consents import (
    awaiting,
    double_opt_in,
    erasure,
    gate,
    ledger,
    notices,
    receipts,
    timestamps,
)
from consents.awaiting import Stage
from consents.double_opt_in import Yes
from consents.entries import Entry
from consents.errors import ConsentError
from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    Contact,
    EventDetail,
    Purpose,
    Sender,
    Standing,
)
from consents.purposes import PurposeTree
from consents.requested import deadline
from consents.vocabulary import Channel, ConfirmedBy, Lifts, Origin, Reason
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    OptOutFactory,
    PurposeFactory,
    RequestFactory,
    StopFactory,
    ago,
    bulk,
    confirmed_within,
    entry,
    recorded,
    refused,
    state_of,
)
from tests.consents.parallel import at_once, attempt_at_once

BY_LINK = Yes(by=ConfirmedBy.LINK, ip="192.0.2.44", user_agent="Firefox")


@pytest.fixture(autouse=True)
def marketing(sender: Sender) -> Purpose:
    return confirmed_within(48)


def confirm(request: ConsentEvent, yes: Yes = BY_LINK) -> ConsentEvent:
    return double_opt_in.confirm(request.id, yes).event


def code_of(request: ConsentEvent, yes: Yes = BY_LINK) -> str:
    with pytest.raises(ConsentError) as refusal:
        double_opt_in.confirm(request.id, yes)
    return refusal.value.code


def stage_of(request: ConsentEvent, at: datetime | None = None) -> Stage:
    [found] = awaiting.progress(
        list(awaiting.requests().filter(id=request.id)), PurposeTree.load(), at or timezone.now()
    ).values()
    return found.stage


def until(request: ConsentEvent) -> datetime:
    found = deadline(EventDetail.objects.get(event=request).evidence)
    assert found is not None
    return found


def what(event: ConsentEvent) -> tuple[str, bool, str]:
    return event.action, event.effective, event.outcome


ASKED = ("opt_in_requested", False, "unconfirmed")


# --- what has to be confirmed


@pytest.mark.parametrize("origin", ["api", "admin", "import", "dropin"])
def test_what_somebody_hands_in_for_a_person_waits_for_that_person(origin: str) -> None:
    assert what(RequestFactory(origin=origin)) == ASKED
    assert state_of(purpose="marketing") is None


@pytest.mark.parametrize("origin", ["keyword", "preference_page", "provider"])
def test_what_a_person_does_or_a_provider_tells_is_an_opt_in_as_ever(origin: str) -> None:
    assert what(RequestFactory(origin=origin)) == ("opt_in", True, "changed")


def test_an_opt_out_never_waits() -> None:
    assert OptOutFactory(purpose="marketing").outcome == "changed"


def test_where_no_purpose_says_so_nothing_has_to_be_confirmed() -> None:
    assert OptInFactory(purpose="utility").outcome == "changed"
    confirmed_within(None)
    assert RequestFactory().outcome == "changed"


def test_what_is_below_a_purpose_with_double_opt_in_has_to_be_confirmed_too() -> None:
    assert what(RequestFactory(purpose=PurposeFactory().key)) == ASKED


def test_a_broader_opt_in_is_no_way_around() -> None:
    assert what(RequestFactory(purpose="all")) == ASKED


def test_a_broader_opt_in_that_does_not_allow_the_purpose_need_not_be_confirmed() -> None:
    confirmed_within(48, requires_own_consent=True)
    assert RequestFactory(purpose="all").outcome == "changed"


def test_of_several_times_the_shortest_counts() -> None:
    newsletter = PurposeFactory(confirm_within_hours=2)
    tree = PurposeTree.load()
    hours = {one.key: tree.confirm_within.get(one.id) for one in tree.by_id.values()}
    assert hours["all"] == hours["marketing"] == hours[newsletter.key] == timedelta(hours=2)
    assert hours["utility"] is None


@pytest.mark.parametrize("hours", [0, 8761])
def test_the_time_is_from_an_hour_to_a_year(hours: int, marketing: Purpose) -> None:
    marketing.confirm_within_hours = hours
    with pytest.raises(ValidationError):
        marketing.full_clean()


def test_the_database_takes_no_time_that_is_none(sender: Sender) -> None:
    with pytest.raises(IntegrityError, match="purpose_confirm_within_some_time"):
        Purpose.objects.filter(key="marketing").update(confirm_within_hours=0)


# --- what is recorded of it


def test_the_request_keeps_all_that_was_handed_in_and_until_when_it_can_be_confirmed() -> None:
    handed_in = {"ip": "192.0.2.7", "user_agent": "Chrome", "note": "by telephone"}
    request = RequestFactory(evidence={"form": "f1"}, actor="shop", **handed_in)
    detail = EventDetail.objects.get(event=request)
    assert {name: getattr(detail, name) for name in handed_in} == handed_in
    assert detail.evidence["form"] == "f1"
    assert (request.source, request.origin, request.actor) == ("WEB", "api", "shop")
    lasts = until(request) - request.recorded_at
    assert timedelta(hours=48) - timedelta(seconds=5) < lasts <= timedelta(hours=48)


def test_a_request_is_no_statement(sender: Sender) -> None:
    RequestFactory()
    assert not Consent.objects.exists()
    assert Standing.objects.get().may_write is None
    answer = gate.check(sender, Channel.WHATSAPP, NUMBER, "marketing")
    assert (answer.allowed, answer.reason) == (False, Reason.NO_OPT_IN)
    ledger.rebuild([ChannelIdentity.objects.get().id])
    assert not Consent.objects.exists()


def test_a_repeat_while_one_is_open_is_written_down_and_changes_nothing() -> None:
    first = RequestFactory()
    second = RequestFactory(evidence={"form": "f2"})
    assert what(second) == ("opt_in_requested", False, "no_change")
    assert EventDetail.objects.get(event=second).evidence["form"] == "f2"
    assert until(first) < until(second)


def test_a_repeat_in_the_same_bulk_changes_nothing_either() -> None:
    results = [recorded(one) for one in bulk(*[entry(purpose="marketing")] * 2)]
    assert [one.outcome for one in results] == ["unconfirmed", "no_change"]


@pytest.mark.parametrize("purpose", ["marketing", "all"])
@pytest.mark.parametrize("is_known", [True, False], ids=["asked before", "asked in the bulk"])
def test_after_an_opt_out_in_the_same_bulk_the_next_waits_anew(
    purpose: str, is_known: bool
) -> None:
    def asked(minutes: int) -> Entry:
        return entry(purpose="marketing", occurred_at=ago(minutes=minutes))

    if is_known:
        RequestFactory(occurred_at=ago(minutes=10))
    said = [] if is_known else [asked(9)]
    stop = entry(action="opt_out", purpose=purpose, occurred_at=ago(minutes=8))
    *_, again, repeat = bulk(*said, stop, asked(7), asked(6))
    assert what(recorded(again)) == ASKED
    assert recorded(repeat).outcome == "no_change"


def test_an_opt_out_from_before_the_request_leaves_it_open() -> None:
    RequestFactory(occurred_at=ago(minutes=5))
    stop = entry(action="opt_out", purpose="marketing", occurred_at=ago(minutes=8))
    _, again = bulk(stop, entry(purpose="marketing", occurred_at=ago(minutes=4)))
    assert recorded(again).outcome == "no_change"


def test_after_one_has_run_out_the_next_waits_anew() -> None:
    RequestFactory(taken_at=ago(hours=49))
    assert what(RequestFactory()) == ASKED


def test_whoever_has_opted_in_already_has_nothing_to_wait_for() -> None:
    OptInFactory(purpose="marketing", origin="keyword")
    assert RequestFactory().outcome == "no_change"
    assert state_of(purpose="marketing") == "opted_in"


def test_a_request_older_than_an_opt_out_is_out_of_order_and_cannot_be_confirmed() -> None:
    StopFactory(purpose="marketing")
    request = RequestFactory(occurred_at=ago(hours=1))
    assert request.outcome == "out_of_order"
    assert code_of(request) == "confirmation_withdrawn"


def test_a_request_that_may_lift_nothing_says_so_at_once() -> None:
    StopFactory(purpose="marketing")
    assert recorded(bulk(entry(purpose="marketing"))[0]).outcome == "would_resurrect"


def test_a_contact_is_asked_at_each_address() -> None:
    contact = ContactFactory()
    for number in (NUMBER, OTHER_NUMBER):
        OptInFactory(identity=number, purpose="utility", contact=contact)
    asked = ledger.record(
        "default", action="opt_in", contact=contact, purpose="marketing", source="WEB"
    ).events
    assert [one.action for one in asked] == ["opt_in_requested"] * 2
    confirm(asked[0])
    assert state_of(NUMBER, purpose="marketing") == "opted_in"
    assert state_of(OTHER_NUMBER, purpose="marketing") is None


def test_one_entry_of_a_bulk_that_waits_leaves_its_neighbours_as_they_are() -> None:
    results = bulk(entry(purpose="marketing"), entry(purpose="utility"), entry(channel="FAX"))
    assert recorded(results[0]).action == "opt_in_requested"
    assert recorded(results[1]).outcome == "changed"
    assert refused(results[2]) == "unknown_channel"


# --- confirmed elsewhere


def proof(**fields: Any) -> dict[str, Any]:
    return {"confirmation": {"occurred_at": timestamps.written(ago(days=1)), **fields}}


def test_an_opt_in_with_proof_of_its_confirmation_counts_at_once() -> None:
    evidence = proof(ip="192.0.2.9", method="link")
    event = RequestFactory(evidence=evidence, occurred_at=ago(days=2))
    assert what(event) == ("opt_in", True, "changed")
    assert EventDetail.objects.get(event=event).evidence == evidence


def test_the_proof_may_be_the_time_alone_as_a_file_has_it() -> None:
    assert RequestFactory(evidence={"confirmation": "2026-01-31T12:00:00Z"}).action == "opt_in"


@pytest.mark.parametrize(
    "confirmation",
    [
        {},
        {"occurred_at": None},
        {"occurred_at": 1769860800},
        {"occurred_at": "yesterday"},
        {"occurred_at": "2026-01-31T12:00:00"},
        {"method": "link"},
        {"until": "2026-01-31T12:00:00Z"},
        *("yes", True, 7, ["2026-01-31T12:00:00Z"], ""),
    ],
)
def test_a_proof_that_does_not_say_when_is_refused(confirmation: Any) -> None:
    [result] = bulk(entry(purpose="marketing", evidence={"confirmation": confirmation}))
    assert refused(result) == "invalid_confirmation"


def test_nobody_has_confirmed_anything_in_the_future_or_before_it_was_asked_for() -> None:
    ahead = {"confirmation": timestamps.written(timezone.now() + timedelta(minutes=6))}
    early = {"evidence": proof(), "occurred_at": ago(hours=23)}
    results = bulk(entry(purpose="marketing", evidence=ahead), entry(purpose="marketing", **early))
    assert [refused(one) for one in results] == ["invalid_confirmation"] * 2


def test_where_nothing_has_to_be_confirmed_the_evidence_may_say_what_it_likes() -> None:
    event = OptInFactory(purpose="utility", evidence={"confirmation": "by hand"})
    assert EventDetail.objects.get(event=event).evidence == {"confirmation": "by hand"}


# --- confirming


def test_a_confirmed_request_is_an_opt_in_that_keeps_both_sides() -> None:
    request = RequestFactory(ip="192.0.2.7", user_agent="Chrome")
    event = confirm(request)
    assert what(event) == ("opt_in", True, "changed")
    assert (event.cause, event.purpose, event.source) == (request, request.purpose, "WEB")
    assert event.origin == Origin.CONFIRM_PAGE
    detail, before = (EventDetail.objects.get(event=one) for one in (event, request))
    assert (detail.ip, detail.user_agent) == ("192.0.2.44", "Firefox")
    assert (before.ip, before.user_agent) == ("192.0.2.7", "Chrome")
    requested = {
        "event": str(request.id),
        "occurred_at": timestamps.written(request.occurred_at),
    }
    assert detail.evidence == {"requested": requested, "confirmed_by": "link"}
    assert state_of(purpose="marketing") == "opted_in"


def test_the_opt_in_names_the_notice_that_was_shown_when_it_was_asked_for() -> None:
    notice = NoticeFactory()
    confirmed = confirm(RequestFactory(evidence={"notice": "banner"}))
    assert notices.of(receipts.lines().get(id=confirmed.id)) == notice


def test_said_twice_it_is_answered_alike_and_written_once() -> None:
    request = RequestFactory()
    first = double_opt_in.confirm(request.id, BY_LINK)
    again = double_opt_in.confirm(request.id, Yes(by=ConfirmedBy.API))
    assert (first.is_repeat, again.is_repeat) == (False, True)
    assert first.event == again.event
    assert ConsentEvent.objects.count() == 2


@pytest.mark.parametrize("named", [0, 1])
def test_one_yes_answers_all_that_was_asked_for_before_it(named: int) -> None:
    asked = [RequestFactory(), RequestFactory()]
    event = confirm(asked[named])
    assert event.cause == asked[named]
    assert {confirm(one) for one in asked} == {event}


def test_what_is_asked_for_after_a_yes_is_answered_by_another() -> None:
    first = confirm(RequestFactory())
    again = RequestFactory()
    assert stage_of(again) is Stage.OPEN
    second = confirm(again)
    assert (second.cause, second.outcome) == (again, "no_change")
    assert second != first


def test_a_request_can_be_confirmed_up_to_its_end_and_not_at_it() -> None:
    request = RequestFactory()
    end = until(request)
    assert stage_of(request, end - timedelta(microseconds=1)) is Stage.OPEN
    assert stage_of(request, end) is Stage.EXPIRED


def test_too_late_nothing_is_recorded(counts: Any) -> None:
    request = RequestFactory(taken_at=ago(hours=49))
    before = counts()
    assert code_of(request) == "confirmation_expired"
    assert counts() == before
    assert state_of(purpose="marketing") is None


def test_what_was_confirmed_in_time_may_be_told_later() -> None:
    request = RequestFactory(taken_at=ago(hours=49), occurred_at=ago(hours=49))
    said_at = ago(hours=2)
    event = confirm(request, Yes(by=ConfirmedBy.API, occurred_at=said_at))
    assert event.occurred_at == said_at


def test_nothing_is_confirmed_in_the_future_or_before_it_was_asked_for() -> None:
    request = RequestFactory()
    for shift, code in ((6, "occurred_in_future"), (-6, "invalid_occurred_at")):
        said_at = request.occurred_at + timedelta(minutes=shift)
        assert code_of(request, Yes(by=ConfirmedBy.API, occurred_at=said_at)) == code


@pytest.mark.parametrize("purpose", ["marketing", "all"])
def test_an_opt_out_since_ends_it(purpose: str) -> None:
    request = RequestFactory()
    StopFactory(purpose=purpose)
    assert code_of(request) == "confirmation_withdrawn"
    assert ConsentEvent.objects.count() == 2


def test_an_opt_out_of_something_else_does_not_end_it() -> None:
    request = RequestFactory()
    StopFactory(purpose="utility")
    assert confirm(request).outcome == "changed"


def test_an_opt_out_before_it_does_not_end_it() -> None:
    StopFactory(purpose="marketing", occurred_at=ago(days=1))
    assert confirm(RequestFactory()).outcome == "changed"
    assert state_of(purpose="marketing") == "opted_in"


def test_an_opt_out_of_before_that_comes_in_late_does_not_end_it() -> None:
    request = RequestFactory()
    StopFactory(purpose="marketing", occurred_at=ago(days=1))
    assert confirm(request).outcome == "changed"


def test_a_voided_opt_out_does_not_end_it() -> None:
    request = RequestFactory()
    ledger.void(OptOutFactory(purpose="marketing"), note="wrong number", actor="staff:1")
    assert confirm(request).outcome == "changed"


def test_a_voided_request_cannot_be_confirmed() -> None:
    request = RequestFactory()
    ledger.void(request, note="wrong number", actor="staff:1")
    assert code_of(request) == "confirmation_withdrawn"
    assert Standing.objects.get().may_write is None
    assert not Consent.objects.exists()


def test_once_confirmed_an_opt_out_later_counts_and_a_second_click_changes_nothing() -> None:
    request = RequestFactory()
    confirm(request)
    StopFactory()
    assert double_opt_in.confirm(request.id, BY_LINK).is_repeat
    assert state_of() == "opted_out"


def test_it_is_entitled_to_what_the_request_was_entitled_to() -> None:
    StopFactory(purpose="marketing", occurred_at=ago(days=1))
    single = RequestFactory()
    [many] = map(recorded, bulk(entry(purpose="marketing", identity=OTHER_NUMBER)))
    assert (single.lifts, many.lifts) == (Lifts.ANY, Lifts.NOTHING)
    assert (confirm(single).lifts, confirm(many).lifts) == (Lifts.ANY, Lifts.NOTHING)


def test_a_provider_s_notice_in_between_confirms_nothing() -> None:
    StopFactory(purpose="marketing", occurred_at=ago(days=1))
    request = RequestFactory()
    OptInFactory(purpose="marketing", origin="provider")
    assert confirm(request).outcome == "changed"


def test_any_other_line_asks_for_no_confirmation() -> None:
    assert code_of(OptInFactory(purpose="utility")) == "not_a_request"


@pytest.mark.parametrize("nonsense", [{"ip": "nowhere"}, {"user_agent": "a\0b"}])
def test_nonsense_is_refused_before_and_after(nonsense: dict[str, str]) -> None:
    request = RequestFactory()
    yes = Yes(by=ConfirmedBy.API, **nonsense)  # type: ignore[arg-type]
    assert code_of(request, yes) == f"invalid_{next(iter(nonsense))}"
    confirm(request)
    assert code_of(request, yes) == f"invalid_{next(iter(nonsense))}"


def test_a_rule_that_is_gone_leaves_what_was_asked_for_as_it_is() -> None:
    request = RequestFactory()
    confirmed_within(None)
    assert state_of(purpose="marketing") is None
    assert confirm(request).outcome == "changed"


# --- somebody erased


def test_an_erased_person_does_not_come_back_by_what_nobody_has_confirmed(sender: Sender) -> None:
    contact = OptInFactory(purpose="utility").identity.contact
    erasure.erase(contact, actor="staff:1")
    request = RequestFactory()
    assert request.outcome == "would_resurrect"
    assert Standing.objects.get().erased_at is not None
    assert EventDetail.objects.get(event=request).evidence == {}
    assert code_of(request) == "confirmation_expired"


def test_whoever_is_erased_meanwhile_can_confirm_nothing(sender: Sender) -> None:
    request = RequestFactory()
    erasure.erase(Contact.objects.get(), actor="staff:1")
    assert code_of(request) == "confirmation_withdrawn"


# --- two at once


@pytest.mark.django_db(transaction=True)
def test_of_two_confirmations_at_once_one_is_written_down(sender: Sender) -> None:
    request = RequestFactory()
    works = [lambda: double_opt_in.confirm(request.id, BY_LINK)] * 4
    results = at_once(*works)
    assert sorted(one.is_repeat for one in results) == [False, True, True, True]
    assert len({one.event.id for one in results}) == 1
    assert ConsentEvent.objects.filter(action="opt_in").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_stop_at_the_same_moment_leaves_nobody_opted_in(sender: Sender) -> None:
    for _ in range(4):
        request = RequestFactory()
        [came_of_it, _] = attempt_at_once(partial(confirm, request), StopFactory)
        refusal = getattr(came_of_it, "code", "confirmation_withdrawn")
        assert refusal == "confirmation_withdrawn"
        assert state_of() == "opted_out"
        assert stage_of(request) in (Stage.CONFIRMED, Stage.WITHDRAWN)
        asked = gate.check(sender, Channel.WHATSAPP, NUMBER, "marketing")
        assert not asked.allowed

"""The gate's decision: every cell of its table, and what else it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from consents.decision import VALID_FOR, Facts, Permission, decide
from consents.folding import Fold, Statement, fold
from consents.vocabulary import Action, Basis, Category, Channel, Lifts, Mode, Reason

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, SECOND, INSTANT = timedelta(hours=1), timedelta(seconds=1), timedelta(microseconds=1)
DAY = 24 * HOUR
FREE, TEMPLATE, ANY = Mode.FREE_FORM, Mode.TEMPLATE, Mode.ANY
CATEGORIES = list(Category)
IN, OUT = UUID(int=1), UUID(int=2)

WINDOWS = [channel for channel in Channel if channel.window]
NO_WINDOWS = [channel for channel in Channel if not channel.window]


def opted_in(when: datetime = NOW - 9 * DAY, lifts: Lifts = Lifts.ANY) -> Fold:
    return fold([Statement(IN, Action.OPT_IN, when, lifts)])


def opted_out(when: datetime = NOW - 2 * HOUR) -> Fold:
    return fold([Statement(OUT, Action.OPT_OUT, when)])


def facts(category: Category, *chain: Fold, **known: Any) -> Facts:
    """Of a category on WhatsApp that nothing was said about, unless said otherwise."""
    fields = {
        "channel": Channel.WHATSAPP,
        "category": category,
        "allowed_in_window": category.allowed_in_window,
        "own_only": False,
        "chain": chain or (Fold(), Fold(), Fold()),
        **known,
    }
    return Facts(**fields)


def ask(category: Category, *chain: Fold, last: timedelta | None = None, **known: Any) -> Any:
    """What the gate says when the person last wrote that long ago, as a row of the table."""
    last_inbound_at = None if last is None else NOW - last
    answer = decide(facts(category, *chain, last_inbound_at=last_inbound_at, **known), NOW)
    return set(answer.modes), answer.basis or answer.reason


# --- the table, for channels with a window


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("channel", WINDOWS)
class TestWithAWindow:
    def test_opted_in_and_open_allows_both(self, channel: Channel, category: Category) -> None:
        answer = ask(category, opted_in(), Fold(), last=HOUR, channel=channel)
        assert answer == ({FREE, TEMPLATE}, Basis.OPT_IN)

    @pytest.mark.parametrize("last", [None, DAY, 3 * DAY])
    def test_opted_in_and_closed_allows_templates(
        self, channel: Channel, category: Category, last: timedelta | None
    ) -> None:
        answer = ask(category, opted_in(), Fold(), last=last, channel=channel)
        assert answer == ({TEMPLATE}, Basis.OPT_IN)

    def test_no_consent_and_open_allows_all_but_marketing(
        self, channel: Channel, category: Category
    ) -> None:
        answer = ask(category, last=HOUR, channel=channel)
        if category == Category.MARKETING:
            assert answer == (set(), Reason.NO_OPT_IN)
        else:
            assert answer == ({FREE, TEMPLATE}, Basis.CUSTOMER_WINDOW)

    def test_no_consent_and_never_a_message_allows_nothing(
        self, channel: Channel, category: Category
    ) -> None:
        assert ask(category, channel=channel) == (set(), Reason.NO_OPT_IN)

    def test_no_consent_and_run_out_allows_nothing_and_says_why(
        self, channel: Channel, category: Category
    ) -> None:
        is_marketing = category == Category.MARKETING
        reason = Reason.NO_OPT_IN if is_marketing else Reason.WINDOW_CLOSED
        assert ask(category, last=DAY, channel=channel) == (set(), reason)

    def test_opted_out_and_wrote_since_allows_a_free_answer_of_service(
        self, channel: Channel, category: Category
    ) -> None:
        answer = ask(category, opted_out(NOW - 2 * HOUR), Fold(), last=HOUR, channel=channel)
        if category == Category.SERVICE:
            assert answer == ({FREE}, Basis.CUSTOMER_WINDOW)
        else:
            assert answer == (set(), Reason.OPTED_OUT)

    @pytest.mark.parametrize("last", [None, 2 * HOUR, 3 * HOUR, 3 * DAY])
    def test_opted_out_otherwise_allows_nothing(
        self, channel: Channel, category: Category, last: timedelta | None
    ) -> None:
        answer = ask(category, opted_out(NOW - 2 * HOUR), Fold(), last=last, channel=channel)
        assert answer == (set(), Reason.OPTED_OUT)

    def test_opted_out_and_wrote_since_but_long_ago_allows_nothing(
        self, channel: Channel, category: Category
    ) -> None:
        answer = ask(category, opted_out(NOW - 3 * DAY), Fold(), last=DAY, channel=channel)
        assert answer == (set(), Reason.OPTED_OUT)


@pytest.mark.parametrize("last", [None, HOUR, 3 * DAY])
@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize("channel", NO_WINDOWS)
def test_without_windows_an_opt_in_allows_and_nothing_else_does(
    channel: Channel, category: Category, last: timedelta | None
) -> None:
    known = {"channel": channel, "last": last}
    assert ask(category, opted_in(), Fold(), **known) == ({ANY}, Basis.OPT_IN)
    assert ask(category, **known) == (set(), Reason.NO_OPT_IN)
    assert ask(category, opted_out(NOW - 2 * HOUR), **known) == (set(), Reason.OPTED_OUT)


# --- settings of a purpose


def test_whether_the_window_alone_allows_is_the_purposes_own_setting() -> None:
    marketing = ask(Category.MARKETING, last=HOUR, allowed_in_window=True)
    assert marketing == ({FREE, TEMPLATE}, Basis.CUSTOMER_WINDOW)
    assert ask(Category.UTILITY, last=HOUR, allowed_in_window=False) == (set(), Reason.NO_OPT_IN)


def test_who_has_opted_out_is_never_sent_more_than_who_has_said_nothing() -> None:
    nobody = ask(Category.SERVICE, last=HOUR, allowed_in_window=False)
    opted = ask(Category.SERVICE, opted_out(), Fold(), last=HOUR, allowed_in_window=False)
    assert (nobody, opted) == ((set(), Reason.NO_OPT_IN), (set(), Reason.OPTED_OUT))


def test_a_purpose_that_requires_its_own_consent_is_not_allowed_by_a_broader_one() -> None:
    refused = ask(Category.MARKETING, opted_in(), opted_in(), Fold(), own_only=True)
    assert refused == (set(), Reason.NO_OPT_IN)
    allowed = ask(Category.MARKETING, Fold(), Fold(), opted_in(), own_only=True)
    assert allowed == ({TEMPLATE}, Basis.OPT_IN)


# --- holds


def test_a_hold_stops_marketing_and_nothing_else() -> None:
    held = {"held_at": NOW - HOUR, "last": HOUR}
    for category in CATEGORIES:
        modes, why = ask(category, opted_in(), Fold(), **held)
        is_held = (modes, why) == (set(), Reason.HELD_FOR_REVIEW)
        assert is_held == (category == Category.MARKETING)


@pytest.mark.parametrize(
    ("lifts", "ago", "expected"),
    [
        (Lifts.ANY, HOUR, Basis.OPT_IN),
        (Lifts.ANY, 2 * HOUR, Reason.HELD_FOR_REVIEW),
        (Lifts.ANY, 3 * HOUR, Reason.HELD_FOR_REVIEW),
        (Lifts.DROPIN, HOUR, Reason.HELD_FOR_REVIEW),
        (Lifts.NOTHING, HOUR, Reason.HELD_FOR_REVIEW),
    ],
)
def test_only_a_later_entitled_opt_in_ends_a_hold(
    lifts: Lifts, ago: timedelta, expected: object
) -> None:
    chain = [opted_in(NOW - ago, lifts), Fold()]
    assert ask(Category.MARKETING, *chain, held_at=NOW - 2 * HOUR)[1] == expected


def test_an_opt_out_goes_before_a_hold() -> None:
    assert ask(Category.MARKETING, opted_out(), held_at=NOW)[1] == Reason.OPTED_OUT


def test_a_hold_stops_marketing_that_the_window_would_allow() -> None:
    answer = ask(Category.MARKETING, last=HOUR, allowed_in_window=True, held_at=NOW - HOUR)
    assert answer == (set(), Reason.HELD_FOR_REVIEW)


# --- the rest of the answer


def test_a_permission_on_the_window_ends_with_it() -> None:
    answer = decide(facts(Category.SERVICE, last_inbound_at=NOW - HOUR), NOW)
    assert answer.expires_at == answer.free_form_until == NOW + 23 * HOUR
    assert (answer.as_of, answer.valid_for, answer.event) == (NOW, VALID_FOR, None)


def test_a_permission_by_opt_in_outlives_the_window() -> None:
    answer = decide(facts(Category.SERVICE, opted_in(), last_inbound_at=NOW - HOUR), NOW)
    assert (answer.expires_at, answer.free_form_until) == (None, NOW + 23 * HOUR)
    assert answer.event == IN


def test_a_refusal_names_the_line_that_refuses_and_no_end() -> None:
    answer = decide(facts(Category.UTILITY, opted_out(), last_inbound_at=NOW - HOUR), NOW)
    assert (answer.allowed, answer.event, answer.modes) == (False, OUT, ())
    assert (answer.expires_at, answer.free_form_until, answer.basis) == (None, None, None)


def test_an_answer_may_not_be_kept_beyond_the_end_of_the_permission() -> None:
    answer = decide(facts(Category.SERVICE, last_inbound_at=NOW - DAY + SECOND), NOW)
    assert answer.valid_for == SECOND


def test_an_unknown_identity_is_an_answer() -> None:
    answer = decide(facts(Category.SERVICE, is_known=False), NOW)
    assert answer == Permission(allowed=False, reason=Reason.UNKNOWN_IDENTITY, as_of=NOW)


def test_the_same_facts_get_the_same_answer_without_the_database() -> None:
    # Without the database fixture, a query would fail this test.
    known = facts(Category.SERVICE, opted_in(), last_inbound_at=NOW - HOUR)
    assert decide(known, NOW) == decide(replace(known), NOW)

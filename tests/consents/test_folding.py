"""Folding, against a second reading of the rules written as their sentences stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from consents.folding import Fold, Statement, can_step, fold, outcome, resolve, step
from consents.vocabulary import Action, Lifts, Outcome, State

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
IN, OUT, END = Action.OPT_IN, Action.OPT_OUT, Action.EXPIRED

SAYS = {State.OPTED_IN: IN, State.OPTED_OUT: OUT, State.EXPIRED: END}


def at(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


def said(
    action: Action,
    minute: int,
    lifts: Lifts = Lifts.NOTHING,
    *,
    by_dropin: bool = False,
    number: int = 0,
) -> Statement:
    return Statement(UUID(int=number), action, at(minute), lifts, by_dropin)


# --- the rules a second time, with "some" and "no" in place of maxima


def lifts_it(opt_in: Statement, opt_out: Statement) -> bool:
    if opt_in.action != IN or opt_in.occurred_at <= opt_out.occurred_at:
        return False
    return opt_in.lifts == Lifts.ANY or (opt_in.lifts == Lifts.DROPIN and opt_out.by_dropin)


def naive_state(chain: Sequence[Sequence[Statement]], *, own_only: bool = False) -> State | None:
    """`chain`: the statements of the root, the category and the purpose itself."""
    for level, here in enumerate(chain):
        may_lift = [one for narrower in chain[level:] for one in narrower]
        for one in here:
            if one.action == OUT and not any(lifts_it(other, one) for other in may_lift):
                return State.OPTED_OUT
    counted = chain[-1:] if own_only else chain
    if any(lasts(one, level) for level in counted for one in level):
        return State.OPTED_IN
    return State.EXPIRED if any(one.action == IN for level in counted for one in level) else None


def lasts(one: Statement, here: Sequence[Statement]) -> bool:
    ends = [other.occurred_at for other in here if other.action == END]
    return one.action == IN and not any(end >= one.occurred_at for end in ends)


# --- histories


@st.composite
def statements(draw: st.DrawFn) -> Statement:
    action = draw(st.sampled_from([IN, OUT, IN, OUT, END]))
    lifts = draw(st.sampled_from(list(Lifts))) if action == IN else Lifts.NOTHING
    event = UUID(int=draw(st.integers(0, 2**64)))
    # Few minutes, so that equal times are common.
    when = at(draw(st.integers(0, 6)))
    return Statement(event, action, when, lifts, by_dropin=draw(st.booleans()))


histories = st.lists(statements(), max_size=8, unique_by=lambda one: one.event)
chains = st.tuples(histories, histories, histories)


@given(histories)
def test_the_fold_agrees_with_the_rules_as_they_are_written(history: list[Statement]) -> None:
    assert fold(history).state == naive_state([history])


@given(chains, st.booleans())
def test_asking_along_the_purposes_agrees_with_the_rules_as_they_are_written(
    chain: tuple[list[Statement], ...], own_only: bool
) -> None:
    verdict = resolve([fold(history) for history in chain], own_only=own_only)
    assert verdict.state == naive_state(chain, own_only=own_only)


@given(chains)
def test_the_opt_out_that_refuses_is_the_newest_that_nothing_lifted(
    chain: tuple[list[Statement], ...],
) -> None:
    standing = [
        one.occurred_at
        for level, here in enumerate(chain)
        for one in here
        if one.action == OUT
        and not any(lifts_it(other, one) for narrower in chain[level:] for other in narrower)
    ]
    verdict = resolve([fold(history) for history in chain])
    assert verdict.opted_out_at == max(standing, default=None)


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_plays_no_part(history: list[Statement], random: object) -> None:
    shuffled = list(history)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(shuffled) == fold(history)


@given(histories)
def test_stepping_where_it_may_step_agrees_with_folding_anew(history: list[Statement]) -> None:
    live, told = Fold(), list[Statement]()
    for one in history:
        told.append(one)
        live = step(live, one) if can_step(live, one) else fold(told)
        assert live == fold(told)


@given(histories)
def test_stepping_in_any_order_gives_the_state_and_all_times(history: list[Statement]) -> None:
    live = reduce(step, history, Fold())
    anew = fold(history)
    assert replace(live, event=None, since=None) == replace(anew, event=None, since=None)


@given(histories)
def test_the_named_line_is_one_that_says_what_the_state_is(history: list[Statement]) -> None:
    now = fold(history)
    if now.state is None:
        assert (now.event, now.since) == (None, None)
        return
    [named] = [one for one in history if one.event == now.event]
    assert named.occurred_at == now.since
    assert named.action == SAYS[now.state]


@given(histories, statements())
def test_an_opt_in_that_is_entitled_to_nothing_never_ends_an_opt_out(
    history: list[Statement], extra: Statement
) -> None:
    before = fold(history)
    after = fold([*history, Statement(UUID(int=2**65), IN, extra.occurred_at)])
    if before.state == State.OPTED_OUT:
        assert after.state == State.OPTED_OUT


@given(histories, statements())
@example(
    # The later opt-out has been lifted, so it is the earlier one that stands in the way.
    [said(OUT, 1, number=1), said(OUT, 3, by_dropin=True, number=2), said(IN, 4, Lifts.DROPIN)],
    said(IN, 2, number=3),
)
def test_the_outcome_tells_whether_the_state_changed_and_if_not_why(
    history: list[Statement], one: Statement
) -> None:
    before, after = fold(history), fold([*history, one])
    result = outcome(before, after, one)
    entitled = Statement(one.event, one.action, one.occurred_at, Lifts.ANY, one.by_dropin)
    would_change = naive_state([[*history, entitled]]) != before.state
    says = State.OPTED_IN if one.action == IN else State.OPTED_OUT
    if after.state != before.state:
        assert result == Outcome.CHANGED
    elif after.state == says:
        assert result == Outcome.NO_CHANGE
    elif one.action == IN and would_change:
        assert result == Outcome.WOULD_RESURRECT
    else:
        assert result == Outcome.OUT_OF_ORDER


# --- by example


def test_nothing_said_is_no_state() -> None:
    assert fold([]) == Fold()


def test_at_equal_times_the_opt_out_wins() -> None:
    both = [said(IN, 0, Lifts.ANY, number=1), said(OUT, 0, number=2)]
    assert fold(both).state == fold(reversed(both)).state == State.OPTED_OUT


def test_an_entitled_opt_in_lifts_what_occurred_before_it() -> None:
    assert fold([said(OUT, 0), said(IN, 1, Lifts.ANY)]).state == State.OPTED_IN


def test_a_dropin_lifts_opt_outs_of_dropins_alone() -> None:
    lifted = said(IN, 1, Lifts.DROPIN, number=1)
    assert fold([said(OUT, 0, by_dropin=True), lifted]).state == State.OPTED_IN
    assert fold([said(OUT, 0), lifted]).state == State.OPTED_OUT


def test_a_repetition_changes_neither_the_line_nor_the_time_of_the_state() -> None:
    now = fold([said(OUT, 0, number=1), said(OUT, 5, number=2)])
    assert (now.event, now.since, now.last_opt_out) == (UUID(int=1), at(0), at(5))


ALL_IN = fold([said(IN, 0, number=10)])
ALL_OUT = fold([said(OUT, 5, number=11)])


def test_a_stop_of_everything_refuses_every_purpose() -> None:
    assert resolve([ALL_OUT, Fold(), ALL_IN]).state == State.OPTED_OUT


def test_opting_in_to_marketing_after_a_stop_restores_marketing_alone() -> None:
    marketing = fold([said(IN, 6, Lifts.ANY)])
    assert resolve([ALL_OUT, marketing]).state == State.OPTED_IN
    assert resolve([ALL_OUT, Fold()]).state == State.OPTED_OUT


def test_unticking_marketing_survives_a_later_general_opt_in() -> None:
    general = fold([said(IN, 9, Lifts.ANY)])
    assert resolve([general, fold([said(OUT, 5)])]).state == State.OPTED_OUT


def test_a_purpose_that_requires_its_own_consent_is_not_allowed_by_a_broader_one() -> None:
    assert resolve([ALL_IN, Fold()], own_only=True).state is None
    assert resolve([Fold(), ALL_IN], own_only=True).state == State.OPTED_IN


@pytest.mark.parametrize("chain", [[ALL_OUT, ALL_IN], [ALL_IN, ALL_OUT]])
def test_the_verdict_names_the_line_that_refuses(chain: list[Fold]) -> None:
    verdict = resolve(chain)
    assert (verdict.event, verdict.opted_out_at) == (UUID(int=11), at(5))

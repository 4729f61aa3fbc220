"""State as a fold of statements that does not depend on the order in which they arrived.

For one identity and one purpose: opted out if some opt-out has no opt-in *entitled to lift it*
that occurred strictly later; else opted in if some opt-in came after the last end of one; else
expired if there is any opt-in; else nothing. So only the newest time of each kind of statement
matters, and maxima may be taken in any order.

Across purposes (the asked one, its category, the root): an opt-out at any of them refuses unless
an entitled opt-in at the same or a narrower one occurred later; otherwise any opt-in allows that
has not run out.
(Texts of keywords are folded in `spelling`.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from uuid import UUID

from consents.vocabulary import Action, Lifts, Outcome, State


@dataclass(frozen=True, slots=True)
class Statement:
    """An opt-in, an opt-out or the end of an opt-in, as far as state depends on it."""

    event: UUID
    action: Action
    occurred_at: datetime
    lifts: Lifts = Lifts.NOTHING
    by_dropin: bool = False


@dataclass(frozen=True, slots=True)
class Fold:
    """The state of one identity and purpose, and the newest time of each kind of statement.

    `event` and `since` name the statement that made the state what it is: a repetition of it
    changes neither.
    """

    state: State | None = None
    event: UUID | None = None
    since: datetime | None = None
    opted_in_at: datetime | None = None
    lifted_at: datetime | None = None
    dropin_lifted_at: datetime | None = None
    opted_out_at: datetime | None = None
    dropin_opted_out_at: datetime | None = None
    expired_at: datetime | None = None

    @property
    def newest(self) -> datetime | None:
        """When the last statement of any kind occurred."""
        return latest(self.opted_in_at, self.last_opt_out, self.expired_at)

    @property
    def last_opt_out(self) -> datetime | None:
        """When the last opt-out occurred, whether or not something has lifted it."""
        return latest(self.opted_out_at, self.dropin_opted_out_at)


def latest(*times: datetime | None) -> datetime | None:
    newest = None
    for time in times:
        if time is not None and (newest is None or time > newest):
            newest = time
    return newest


def fold(statements: Iterable[Statement]) -> Fold:
    """The state that these statements, all there are, add up to."""
    return reduce(step, sorted(statements, key=_order), Fold())


def step(before: Fold, statement: Statement) -> Fold:
    """`before` and one statement more.

    State and times are right whenever it occurred; `event` and `since` where `can_step`.
    """
    after = _with_newest_times(before, statement)
    state = _state(after)
    if state == before.state:
        return after
    return replace(after, state=state, event=statement.event, since=statement.occurred_at)


def can_step(before: Fold, statement: Statement) -> bool:
    """Whether `step` names the line that folding everything anew would name."""
    return before.newest is None or statement.occurred_at > before.newest


def outcome(before: Fold, after: Fold, statement: Statement) -> Outcome:
    """What inserting the statement did."""
    if after.state != before.state:
        return Outcome.CHANGED
    wanted = State.OPTED_IN if statement.action == Action.OPT_IN else State.OPTED_OUT
    if after.state == wanted:
        return Outcome.NO_CHANGE
    refused_since = _refusal([after], 0)
    if wanted == State.OPTED_IN and refused_since and statement.occurred_at > refused_since:
        return Outcome.WOULD_RESURRECT
    return Outcome.OUT_OF_ORDER


@dataclass(frozen=True, slots=True)
class Verdict:
    """What consent says about one purpose, everything above it considered.

    `opted_out_at`: the last opt-out that still refuses. `opted_in_at`: the last opt-in that
    allows. `event` and `since`: the line that decides.
    """

    state: State | None = None
    event: UUID | None = None
    since: datetime | None = None
    opted_out_at: datetime | None = None
    opted_in_at: datetime | None = None


def resolve(
    chain: Sequence[Fold], *, own_only: bool = False, ended_by: datetime | None = None
) -> Verdict:
    """Read the folds of the root, the category and the purpose itself, broadest first.

    `own_only`: only the last fold's own opt-ins allow. `ended_by`: opt-ins of then and before
    have run out, whether or not a line says so.
    """
    refusals = [(when, one) for level, one in enumerate(chain) if (when := _refusal(chain, level))]
    if refusals:
        when, refusing = max(refusals, key=lambda refusal: refusal[0])
        return Verdict(State.OPTED_OUT, refusing.event, refusing.since, when)
    allowing = chain[-1:] if own_only else chain
    lasting = [
        one for one in allowing if one.state == State.OPTED_IN and not _ran_out(one, ended_by)
    ]
    if lasting:
        opted_in_at = latest(*(one.opted_in_at for one in lasting))
        return _by_the_latest(State.OPTED_IN, lasting, opted_in_at)
    ended = [one for one in allowing if one.state in (State.OPTED_IN, State.EXPIRED)]
    return _by_the_latest(State.EXPIRED, ended) if ended else Verdict()


def _ran_out(fold: Fold, ended_by: datetime | None) -> bool:
    return ended_by is not None and fold.opted_in_at is not None and fold.opted_in_at <= ended_by


def _by_the_latest(
    state: State, folds: Iterable[Fold], opted_in_at: datetime | None = None
) -> Verdict:
    since, deciding = max(
        ((one.since, one) for one in folds if one.since), key=lambda allowance: allowance[0]
    )
    return Verdict(state, deciding.event, since, opted_in_at=opted_in_at)


def _order(statement: Statement) -> tuple[datetime, bool, UUID]:
    return (statement.occurred_at, statement.action != Action.OPT_IN, statement.event)


def _with_newest_times(fold: Fold, statement: Statement) -> Fold:
    when = statement.occurred_at
    if statement.action == Action.OPT_OUT:
        if statement.by_dropin:
            return replace(fold, dropin_opted_out_at=latest(fold.dropin_opted_out_at, when))
        return replace(fold, opted_out_at=latest(fold.opted_out_at, when))
    if statement.action == Action.EXPIRED:
        return replace(fold, expired_at=latest(fold.expired_at, when))
    fold = replace(fold, opted_in_at=latest(fold.opted_in_at, when))
    if statement.lifts == Lifts.ANY:
        return replace(fold, lifted_at=latest(fold.lifted_at, when))
    if statement.lifts == Lifts.DROPIN:
        return replace(fold, dropin_lifted_at=latest(fold.dropin_lifted_at, when))
    return fold


def _state(fold: Fold) -> State | None:
    if _refusal([fold], 0):
        return State.OPTED_OUT
    if fold.opted_in_at is None:
        return None
    has_ended = fold.expired_at is not None and fold.opted_in_at <= fold.expired_at
    return State.EXPIRED if has_ended else State.OPTED_IN


def _refusal(chain: Sequence[Fold], level: int) -> datetime | None:
    """When the last opt-out at this level occurred that nothing here or narrower has lifted."""
    here = chain[level]
    if here.opted_out_at is None and here.dropin_opted_out_at is None:
        return None
    lifted = latest(*(one.lifted_at for one in chain[level:]))
    dropin_lifted = latest(lifted, *(one.dropin_lifted_at for one in chain[level:]))
    return latest(
        _unless_lifted(here.opted_out_at, lifted),
        _unless_lifted(here.dropin_opted_out_at, dropin_lifted),
    )


def _unless_lifted(opted_out: datetime | None, lifted: datetime | None) -> datetime | None:
    if opted_out is None or (lifted is not None and lifted > opted_out):
        return None
    return opted_out

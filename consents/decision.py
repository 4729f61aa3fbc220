"""What the gate decides, from facts alone: the table of consent, window and category.

A pure function: the same facts and the same time get the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from consents import window
from consents.folding import Fold, Verdict, latest, resolve
from consents.vocabulary import Basis, Category, Channel, Mode, Reason, State

VALID_FOR = timedelta(seconds=5)
"""How long an answer may be kept: a stop must take effect at once."""

BOTH = (Mode.FREE_FORM, Mode.TEMPLATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """The answer. All times are UTC.

    `modes`: what may be sent; empty when refused. `basis`: what allows it. `reason`: why not.
    `expires_at`: when the permission ends, None when no end is known. `free_form_until`: the end
    of the customer window. `event`: the line of the ledger that decides. `valid_for`: how long
    the answer may be kept.
    """

    allowed: bool
    as_of: datetime
    modes: Sequence[Mode] = ()
    basis: Basis | None = None
    reason: Reason | None = None
    expires_at: datetime | None = None
    free_form_until: datetime | None = None
    event: UUID | None = None
    valid_for: timedelta = VALID_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the answer depends on.

    `is_known`: whether there is such an identity. `chain`: the folds of the root, the category,
    the purpose. `lasts`: how long an opt-in is good for it; None, until it is withdrawn.
    """

    channel: Channel
    category: Category
    allowed_in_window: bool
    own_only: bool
    lasts: timedelta | None = None
    is_known: bool = True
    chain: Sequence[Fold] = ()
    last_inbound_at: datetime | None = None
    held_at: datetime | None = None


def decide(facts: Facts, now: datetime) -> Permission:
    """The table, read at this time."""
    if not facts.is_known:
        return Permission(allowed=False, reason=Reason.UNKNOWN_IDENTITY, as_of=now)
    ended_by = now - facts.lasts if facts.lasts else None
    verdict = resolve(facts.chain, own_only=facts.own_only, ended_by=ended_by)
    until = window.open_until(facts.last_inbound_at, facts.channel.window, now)
    if reason := _refusal(facts, verdict, is_open=until is not None):
        return Permission(allowed=False, reason=reason, event=verdict.event, as_of=now)
    by_opt_in = verdict.state == State.OPTED_IN
    expires_at = _end_of_opt_in(facts, verdict) if by_opt_in else until
    return Permission(
        allowed=True,
        modes=_modes(facts.channel, verdict.state, is_open=until is not None),
        basis=Basis.OPT_IN if by_opt_in else Basis.CUSTOMER_WINDOW,
        expires_at=expires_at,
        free_form_until=until,
        event=verdict.event,
        as_of=now,
        valid_for=min(VALID_FOR, expires_at - now) if expires_at else VALID_FOR,
    )


def _end_of_opt_in(facts: Facts, verdict: Verdict) -> datetime | None:
    if facts.lasts is None or verdict.opted_in_at is None:
        return None
    return verdict.opted_in_at + facts.lasts


def _refusal(facts: Facts, verdict: Verdict, *, is_open: bool) -> Reason | None:
    """Why not; None where an opt-in or the open window allows it."""
    if verdict.state == State.OPTED_OUT:
        wrote_since = latest(facts.last_inbound_at, verdict.opted_out_at) != verdict.opted_out_at
        may_answer = facts.category == Category.SERVICE and facts.allowed_in_window
        return None if may_answer and is_open and wrote_since else Reason.OPTED_OUT
    if facts.category == Category.MARKETING and is_held(facts.held_at, facts.chain):
        return Reason.HELD_FOR_REVIEW
    if verdict.state == State.OPTED_IN or (is_open and facts.allowed_in_window):
        return None
    if verdict.state == State.EXPIRED:
        return Reason.EXPIRED
    had_window = window.closes_at(facts.last_inbound_at, facts.channel.window) is not None
    has_run_out = had_window and not is_open and facts.allowed_in_window
    return Reason.WINDOW_CLOSED if has_run_out else Reason.NO_OPT_IN


def is_held(held_at: datetime | None, chain: Sequence[Fold]) -> bool:
    """Whether a hold is on that neither an entitled opt-in nor an opt-out has overtaken."""
    if held_at is None:
        return False
    lifted = latest(*(fold.lifted_at for fold in chain))
    opted_out = latest(*(fold.last_opt_out for fold in chain))
    return not (lifted and lifted > held_at) and not (opted_out and opted_out >= held_at)


def _modes(channel: Channel, state: State | None, *, is_open: bool) -> Sequence[Mode]:
    if channel.window is None:
        return (Mode.ANY,)
    if state == State.OPTED_OUT:
        return (Mode.FREE_FORM,)
    return BOTH if is_open else (Mode.TEMPLATE,)

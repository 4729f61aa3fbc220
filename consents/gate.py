"""The gate: may this be sent to this person now?

One query, then a pure function. It fails closed: whoever gets no answer must not send. It is
right without any command having run, because it reads times and not what somebody noted of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from consents import entries, identifiers, window
from consents.addressbook import key_of
from consents.commitments import identity_digest
from consents.errors import ConsentError
from consents.folding import Fold, latest, resolve
from consents.history import held_as_of, last_inbound_as_of, state_as_of
from consents.models import Sender
from consents.models.standing import FOLD_FIELDS
from consents.vocabulary import (
    ROOT_PURPOSE,
    Basis,
    Category,
    Channel,
    Mode,
    Reason,
    State,
)

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
    """All that the answer depends on. `chain`: the folds of the root, the category, the purpose."""

    channel: Channel
    category: Category
    allowed_in_window: bool
    own_only: bool
    identity: UUID | None
    chain: Sequence[Fold] = ()
    last_inbound_at: datetime | None = None
    held_at: datetime | None = None


def check(
    sender: Sender,
    channel: str,
    identity: object,
    purpose: str = "service",
    at: datetime | None = None,
    *,
    hindsight: bool = False,
) -> Permission:
    """May this sender write to this identity, for this purpose, now or at another time?

    A time in the past is answered from what was known then, with `hindsight` from all that is
    known now about then. Raises ConsentError for an unknown channel or purpose and for the root
    purpose, which cannot be asked; an unreadable identity is an answer.
    """
    on = entries.channel(channel)
    address = readable(on, identity)
    facts, purposes, now = _read(sender, on, address, purpose)
    if at is not None and at.tzinfo is None:
        raise ConsentError("invalid_at", "This must be a time with its zone.", "at")
    if address is None:
        return Permission(allowed=False, reason=Reason.INVALID_IDENTITY, as_of=at or now)
    if at is None:
        return decide(facts, now)
    if at < now:
        facts = _as_of(facts, purposes, at, hindsight=hindsight)
    return replace(decide(facts, at), valid_for=timedelta())


def decide(facts: Facts, now: datetime) -> Permission:
    """The table of consent, window and category, read from facts alone."""
    answer = _decide(facts, now)
    if answer.expires_at is not None:
        return replace(answer, valid_for=min(VALID_FOR, answer.expires_at - now))
    return answer


def _decide(facts: Facts, now: datetime) -> Permission:
    if facts.identity is None:
        return Permission(allowed=False, reason=Reason.UNKNOWN_IDENTITY, as_of=now)
    verdict = resolve(facts.chain, own_only=facts.own_only)
    end = window.closes_at(facts.last_inbound_at, facts.channel.window)
    is_open = window.is_open(facts.last_inbound_at, facts.channel.window, now)
    free_form_until = end if is_open else None
    refused = Permission(allowed=False, event=verdict.event, as_of=now)
    in_window = Permission(
        allowed=True,
        modes=BOTH,
        basis=Basis.CUSTOMER_WINDOW,
        expires_at=free_form_until,
        free_form_until=free_form_until,
        event=verdict.event,
        as_of=now,
    )
    if verdict.state == State.OPTED_OUT:
        wrote_since = latest(facts.last_inbound_at, verdict.opted_out_at) != verdict.opted_out_at
        may_answer = facts.category == Category.SERVICE and facts.allowed_in_window
        if may_answer and is_open and wrote_since:
            return replace(in_window, modes=(Mode.FREE_FORM,))
        return replace(refused, reason=Reason.OPTED_OUT)
    if facts.category == Category.MARKETING and _is_held(facts):
        return replace(refused, reason=Reason.HELD_FOR_REVIEW)
    if verdict.state == State.OPTED_IN:
        modes = _modes(facts.channel, is_open=is_open)
        return replace(in_window, modes=modes, basis=Basis.OPT_IN, expires_at=None)
    if is_open and facts.allowed_in_window:
        return in_window
    has_run_out = end is not None and not is_open and facts.allowed_in_window
    return replace(refused, reason=Reason.WINDOW_CLOSED if has_run_out else Reason.NO_OPT_IN)


def _modes(channel: Channel, *, is_open: bool) -> Sequence[Mode]:
    if channel.window is None:
        return (Mode.ANY,)
    return BOTH if is_open else (Mode.TEMPLATE,)


def _is_held(facts: Facts) -> bool:
    """Whether a hold is on that neither an entitled opt-in nor an opt-out has overtaken."""
    held_at = facts.held_at
    if held_at is None:
        return False
    lifted = latest(*(fold.lifted_at for fold in facts.chain))
    opted_out = latest(*(fold.last_opt_out for fold in facts.chain))
    return not (lifted and lifted > held_at) and not (opted_out and opted_out >= held_at)


def readable(channel: Channel, identity: object) -> identifiers.Address | None:
    """The address, or None where nobody could read one: to the gate that is an answer."""
    try:
        return identifiers.normalise(channel, identity)
    except ConsentError:
        return None


_LEVELS = ("root", "middle", "own")

_QUERY = f"""
SELECT clock_timestamp(), purpose.category, purpose.allowed_in_window,
       purpose.requires_own_consent, above_all.id, above.id, purpose.id,
       identity.id, standing.last_inbound_at, standing.held_at,
       {", ".join(f"{level}.{column}" for level in _LEVELS for column in FOLD_FIELDS)}
FROM consents_purpose purpose
LEFT JOIN consents_purpose above ON above.id = purpose.parent_id
LEFT JOIN consents_purpose above_all ON above_all.id = above.parent_id
LEFT JOIN consents_channelidentity identity
       ON identity.sender_id = %(sender)s AND identity.channel = %(channel)s
      AND (identity.lookup_key = %(lookup_key)s OR identity.digest = %(digest)s)
LEFT JOIN consents_standing standing ON standing.identity_id = identity.id
LEFT JOIN consents_consent root
       ON root.identity_id = identity.id AND root.purpose_id = above_all.id
LEFT JOIN consents_consent middle
       ON middle.identity_id = identity.id AND middle.purpose_id = above.id
LEFT JOIN consents_consent own
       ON own.identity_id = identity.id AND own.purpose_id = purpose.id
WHERE purpose.key = %(purpose)s
"""  # noqa: S608 - column names are ours


def _read(
    sender: Sender, channel: Channel, address: identifiers.Address | None, purpose: str
) -> tuple[Facts, list[UUID | None], datetime]:
    """The facts as they are now, the ids of the purposes broadest first, the database's clock."""
    lookup_key = key_of(address)[1] if address else ""
    with connection.cursor() as cursor:
        cursor.execute(
            _QUERY,
            {
                "sender": sender.id,
                "channel": channel.value,
                "lookup_key": lookup_key,
                "digest": identity_digest(channel.value, lookup_key),
                "purpose": purpose if isinstance(purpose, str) and "\0" not in purpose else "",
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise ConsentError("unknown_purpose", "There is no such purpose.", "purpose")
    if purpose == ROOT_PURPOSE:
        raise ConsentError("purpose_not_askable", "Ask for a purpose narrower than all.", "purpose")
    now, category, allowed_in_window, own_only, *purposes = row[:7]
    identity, last_inbound_at, held_at = row[7:10]
    facts = Facts(
        channel=channel,
        category=Category(category),
        allowed_in_window=allowed_in_window,
        own_only=own_only,
        identity=identity,
        chain=_chain(row[10:]),
        last_inbound_at=last_inbound_at,
        held_at=held_at,
    )
    return facts, purposes, now


def _chain(columns: Sequence[Any]) -> list[Fold]:
    width = len(FOLD_FIELDS)
    levels = [columns[at : at + width] for at in range(0, len(columns), width)]
    return [_fold(*level) if level[0] else Fold() for level in levels]


def _fold(state: str, *rest: Any) -> Fold:
    return Fold(State(state), *rest)


def _as_of(
    facts: Facts, purposes: Sequence[UUID | None], at: datetime, *, hindsight: bool
) -> Facts:
    if facts.identity is None:
        return facts
    known_by = None if hindsight else at
    folds = state_as_of(facts.identity, at, hindsight=hindsight)
    return replace(
        facts,
        chain=[folds.get(purpose, Fold()) if purpose else Fold() for purpose in purposes],
        last_inbound_at=last_inbound_as_of(facts.identity, at, known_by=known_by),
        held_at=held_as_of(facts.identity, at, known_by=known_by),
    )

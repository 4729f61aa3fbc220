"""A page of the ledger being written: locked, folded, inserted together, announced once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from consents import awaiting
from consents.commitments import commit_to_address, commit_to_detail, new_salt
from consents.folding import Fold, Statement, can_step, fold, outcome, step
from consents.history import Pair, statements
from consents.models import (
    ChannelIdentity,
    Consent,
    ConsentEvent,
    EventDetail,
    Purpose,
    Sender,
    Standing,
)
from consents.models.base import new_id
from consents.models.ledger import NOTHING_PERSONAL
from consents.models.rows import update_rows
from consents.models.standing import FOLD_FIELDS
from consents.purposes import PurposeTree
from consents.signals import Line as Rung
from consents.signals import Lines, lines_recorded
from consents.vocabulary import FOLDED_ACTIONS, Action, Lifts, Origin, Outcome

TICK = timedelta(microseconds=1)
_STANDING = (
    *("last_inbound_at", "window_noted", "held_by", "held_at"),
    *("may_write", "last_recorded_at", "erased_at"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a line will say. `occurred_at` None: at the instant it is written."""

    event: UUID = field(default_factory=new_id)
    identity: ChannelIdentity
    action: Action
    purpose: Purpose
    origin: Origin
    source: str = ""
    actor: str = ""
    lifts: Lifts = Lifts.NOTHING
    occurred_at: datetime | None = None
    cause: UUID | None = None
    ip: str | None = field(default=None, repr=False)
    user_agent: str = field(default="", repr=False)
    evidence: dict[str, Any] = field(default_factory=dict, repr=False)
    note: str = field(default="", repr=False)


def database_clock() -> datetime:
    """PostgreSQL's clock, now and not at the start of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        [now] = cursor.fetchone()
    at: datetime = now
    return at


class Page:
    """Opened in a transaction: locks standings, takes lines one after another, writes them all.

    `now` is the database's clock read under the locks. `standings` and `folds` show how things
    stand with the lines added so far.
    """

    def __init__(self, sender: Sender, purposes: PurposeTree) -> None:
        self.sender = sender
        self.purposes = purposes
        self.standings: dict[UUID, Standing] = {}
        self.folds: dict[UUID, dict[UUID, Fold]] = {}
        self._said: dict[Pair, list[Statement]] = defaultdict(list)
        self._late: set[Pair] = set()
        self._events: list[ConsentEvent] = []
        self._details: list[EventDetail] = []
        self._changed: set[Pair] = set()
        self._moved: set[UUID] = set()
        self._awaited: dict[Pair, datetime] | None = None

    def lock(self, identities: Iterable[UUID]) -> None:
        """Lock these standings, all at once, and read how they stand."""
        ids = set(identities) - self.standings.keys()
        for standing in Standing.objects.locked(ids):
            self.standings[standing.identity_id] = standing
            self.folds[standing.identity_id] = {}
        for consent in Consent.objects.filter(identity__in=ids):
            self.folds[consent.identity_id][consent.purpose_id] = consent.fold
        self.now = database_clock()

    def add(self, line: Line) -> ConsentEvent:
        """Take a line in: its times, its effect, its place behind those already added."""
        standing = self.standings[line.identity.id]
        recorded_at = self._next_instant(standing)
        event, detail = _event_of(self.sender, line, recorded_at)
        if standing.erased_at:
            _forget(detail, recorded_at)
        if line.action in FOLDED_ACTIONS:
            self._take_effect(event)
        elif line.action is Action.OPT_IN_REQUESTED:
            self._wait(event)
        standing.last_recorded_at = recorded_at
        self._moved.add(standing.identity_id)
        self._events.append(event)
        self._details.append(detail)
        return event

    def touch(self, identity: UUID) -> Standing:
        """The standing of this identity, to be changed and written with the page."""
        self._moved.add(identity)
        return self.standings[identity]

    def replace_fold(self, pair: Pair, statements: Sequence[Statement]) -> None:
        """Fold a pair anew from these statements: when one of them has been voided."""
        self.folds[pair[0]][pair[1]] = fold(statements)
        self._changed.add(pair)
        self._moved.add(pair[0])

    def write(self) -> list[ConsentEvent]:
        """Put the state, the lines and their details into the database, and ring the doorbell."""
        if self._late:
            self._name_lines_anew()
        for identity in {identity for identity, _ in self._changed}:
            may_write = self.purposes.may_write(self.folds[identity], self.now)
            self.standings[identity].may_write = may_write
        _write_consents({pair: self.folds[pair[0]][pair[1]] for pair in self._changed})
        update_rows([self.standings[identity] for identity in self._moved], _STANDING)
        EventDetail.objects.bulk_create(self._details)
        _append(self._events)
        return self._events

    def _next_instant(self, standing: Standing) -> datetime:
        if standing.last_recorded_at is None:
            return self.now
        return max(self.now, standing.last_recorded_at + TICK)

    def _take_effect(self, event: ConsentEvent) -> None:
        pair = (event.identity_id, event.purpose_id)
        before = self._fold(pair)
        statement = _statement(event)
        after = step(before, statement)
        if not can_step(before, statement):
            self._late.add(pair)
        result = outcome(before, after, statement)
        event.outcome = result.value
        event.effective = result == Outcome.CHANGED
        self.folds[pair[0]][pair[1]] = after
        self._said[pair].append(statement)
        self._changed.add(pair)

    def _wait(self, event: ConsentEvent) -> None:
        """Say what the opt-in would do, were it confirmed at once; it does nothing yet."""
        pair = (event.identity_id, event.purpose_id)
        before, statement = self._fold(pair), replace(_statement(event), action=Action.OPT_IN)
        result = outcome(before, step(before, statement), statement)
        if self.standings[event.identity_id].erased_at:
            result = Outcome.WOULD_RESURRECT
        elif result is Outcome.CHANGED:
            asked_at = self._asked().get(pair)
            is_repeat = asked_at is not None and not self._is_withdrawn(event, asked_at)
            result = Outcome.NO_CHANGE if is_repeat else Outcome.UNCONFIRMED
            self._asked()[pair] = max(event.occurred_at, asked_at or event.occurred_at)
        event.outcome, event.effective = result.value, False

    def _asked(self) -> dict[Pair, datetime]:
        """When each confirmation that was waited for before this page was asked for last, and
        those asked for in it.
        """
        if self._awaited is None:
            found = awaiting.still_open(self.standings, self.purposes, self.now)
            asked = sorted((one.request for one in found), key=lambda one: one.occurred_at)
            self._awaited = {(one.identity_id, one.purpose_id): one.occurred_at for one in asked}
        return self._awaited

    def _is_withdrawn(self, request: ConsentEvent, asked_at: datetime) -> bool:
        """Whether an opt-out of the same, or of more, was added that ends what was asked then."""
        chain = self.purposes.chain(self.purposes.by_id[request.purpose_id])
        said = (one for purpose in chain for one in self._said[request.identity_id, purpose.id])
        return any(one.action == Action.OPT_OUT and one.occurred_at >= asked_at for one in said)

    def _name_lines_anew(self) -> None:
        """In one go for all pairs that something was said of which is not their newest."""
        found = statements({identity for identity, _ in self._late})
        for pair in self._late:
            self.folds[pair[0]][pair[1]] = fold([*found.get(pair, ()), *self._said[pair]])

    def _fold(self, pair: Pair) -> Fold:
        return self.folds[pair[0]].get(pair[1], Fold())


def _event_of(
    sender: Sender, line: Line, recorded_at: datetime
) -> tuple[ConsentEvent, EventDetail]:
    evidence = line.evidence
    occurred_at = line.occurred_at or recorded_at
    if occurred_at > recorded_at:
        evidence = {**evidence, "claimed_occurred_at": occurred_at.isoformat()}
        occurred_at = recorded_at
    salt, address_salt = new_salt(), new_salt()
    detail = EventDetail(
        ip=line.ip,
        user_agent=line.user_agent,
        evidence=evidence,
        note=line.note,
        salt=salt,
        address_salt=address_salt,
    )
    event = ConsentEvent(
        id=line.event,
        sender=sender,
        identity=line.identity,
        action=line.action.value,
        purpose=line.purpose,
        source=line.source,
        origin=line.origin.value,
        actor=line.actor,
        lifts=line.lifts.value,
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        effective=True,
        cause_id=line.cause,
        address_commitment=commit_to_address(
            address_salt, line.identity.channel, line.identity.address or ""
        ),
        detail_commitment=commit_to_detail(salt, detail.committed()),
    )
    detail.event = event
    return event, detail


def _forget(detail: EventDetail, at: datetime) -> None:
    """Of somebody erased only the line is kept, whose hashes without salts point at nobody."""
    for name, nothing in NOTHING_PERSONAL.items():
        setattr(detail, name, nothing)
    detail.erased_at = at


def _statement(event: ConsentEvent) -> Statement:
    by_dropin = event.origin == Origin.DROPIN
    action = Action(event.action)
    return Statement(event.id, action, event.occurred_at, Lifts(event.lifts), by_dropin)


def _write_consents(folds: dict[Pair, Fold]) -> None:
    stated = {pair: fold for pair, fold in folds.items() if fold.state is not None}
    Consent.objects.bulk_create(
        [
            Consent(
                identity_id=identity,
                purpose_id=purpose,
                **{name: getattr(fold, name.removesuffix("_id")) for name in FOLD_FIELDS},
            )
            for (identity, purpose), fold in stated.items()
        ],
        update_conflicts=True,
        unique_fields=["identity", "purpose"],
        update_fields=[name.removesuffix("_id") for name in FOLD_FIELDS],
    )
    for identity, purpose in folds.keys() - stated.keys():
        Consent.objects.filter(identity=identity, purpose=purpose).delete()


def _append(events: list[ConsentEvent]) -> None:
    """One line rings `post_save`; several ring `lines_recorded` once, with all of them."""
    if len(events) == 1:
        events[0].append()
    elif events:
        ConsentEvent.objects.append(events)
        lines = [Rung(event.id, event.identity_id, event.action) for event in events]
        rung = Lines(events[0].sender_id, lambda: lines, lambda: events)
        lines_recorded.send(sender=ConsentEvent, lines=rung)

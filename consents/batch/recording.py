"""Writes prepared statements: staged with COPY, folded and inserted by one statement.

Opt-ins that have to be confirmed are written by another one (`consents.batch.asking`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models.expressions import RawSQL
from django.db.models.signals import post_save

from consents.batch import asking, erased, people, sql, staging
from consents.batch.asking import Asked
from consents.batch.people import Known
from consents.batch.prepared import Prepared
from consents.folding import Fold
from consents.models import ChannelIdentity, Consent, ConsentEvent, Sender
from consents.models.prepared import prepared
from consents.purposes import PurposeTree
from consents.signals import Line, Lines, lines_recorded
from consents.vocabulary import ROOT_PURPOSE
from consents.writing import database_clock

_IDENTITY: Final = ("id", "sender_id", "contact_id", "channel", "address")
_WRITE_ONE: Final = sql.write_one(staging.COLUMNS)
_RECOMMIT: Final = """
UPDATE staged_statement staged SET address_commitment = one.commitment
FROM unnest(%s::integer[], %s::bytea[]) AS one(n, commitment) WHERE staged.n = one.n
"""


class Written(NamedTuple):
    """The line that was written for a statement, and what it did."""

    statement: Prepared
    identity: Known
    seq: int
    outcome: str
    occurred_at: datetime
    recorded_at: datetime

    @property
    def effective(self) -> bool:
        return self.outcome == "changed"

    @property
    def nameless(self) -> Written:
        """Of somebody erased, whose address is nobody's to be told."""
        return self._replace(identity=self.identity._replace(address=None))


class Tally(NamedTuple):
    """How many statements did what, and the first and last of their lines."""

    outcomes: Mapping[str, int]
    first_seq: int | None
    last_seq: int | None


_NOTHING: Final = Tally({}, None, None)


def record(
    sender: Sender, purposes: PurposeTree, statements: Sequence[Prepared]
) -> list[ConsentEvent]:
    """Write these down, in their order, and ring the doorbell; their lines. In a transaction.

    The first thing in it that locks anything: the identities are found or made, and locked. A line
    is as far as it can be known without reading it back. Whoever has to confirm an opt-in says
    nothing else here, and an opt-in that has to be confirmed does not come alone.
    """
    if len(statements) > 1:
        written = _record_many(sender, purposes, statements)
        return [_event_of(sender, purposes, one) for one in written]
    return [_record_one(sender, purposes, one) for one in statements]


def record_staged(sender: Sender, purposes: PurposeTree, count: int, *, asks: bool) -> Tally:
    """The same of what is staged, of `count` people, without a word of each statement.

    `asks`: some of it has to be confirmed.
    """
    if not count:
        return _NOTHING
    _settle_people(sender, count)
    asked = _tally(asking.ask(sender, purposes)) if asks else _NOTHING
    return _added(asked, _record_staged(sender, purposes))


def _tally(asked: Sequence[Asked]) -> Tally:
    if not asked:
        return _NOTHING
    return Tally(Counter(one.outcome for one in asked), asked[0].seq, asked[-1].seq)


def _added(one: Tally, other: Tally) -> Tally:
    lines = [seq for tally in (one, other) for seq in tally[1:] if seq is not None]
    outcomes = Counter(one.outcomes) + Counter(other.outcomes)
    return Tally(outcomes, min(lines, default=None), max(lines, default=None))


def _record_staged(sender: Sender, purposes: PurposeTree) -> Tally:
    with connection.cursor() as cursor:
        cursor.execute(sql.WRITE_AND_COUNT, _constants(sender, purposes))
        outcomes, first, last, identities, of_purposes, several, gone = cursor.fetchone()
    if not outcomes:
        return _NOTHING
    erased.treat(gone)
    _mend(purposes, set(zip(identities, of_purposes, strict=True)), set(several))
    lines_recorded.send(ConsentEvent, lines=_lines(sender, sum(outcomes.values())))
    return Tally(outcomes, first, last)


def _record_many(
    sender: Sender, purposes: PurposeTree, statements: Sequence[Prepared]
) -> list[Written]:
    staged = staging.encoded(enumerate(statements))
    staging.stage(staged)
    _settle_people(sender, staged.people)
    asked = asking.ask(sender, purposes) if staged.asks else []
    with connection.cursor() as cursor:
        cursor.execute(sql.WRITE, _constants(sender, purposes))
        written, late, several, gone = _read(statements, cursor.fetchall())
    gone -= erased.treat(gone)
    _mend(purposes, late, several)
    if written:
        lines_recorded.send(ConsentEvent, lines=_lines(sender, len(written)))
    written = [one.nameless if one.identity.id in gone else one for one in written]
    if not asked:
        return written
    by_event = {one.statement.event: one for one in written}
    by_event.update((str(one.event), _asked(statements[one.n], one)) for one in asked)
    return [by_event[one.event] for one in statements]


def _asked(statement: Prepared, one: Asked) -> Written:
    known = Known(one.identity, one.contact, None if one.is_erased else one.address)
    statement = statement._replace(address_commitment=bytes(one.address_commitment))
    return Written(statement, known, one.seq, one.outcome, one.occurred_at, one.recorded_at)


def _record_one(sender: Sender, purposes: PurposeTree, statement: Prepared) -> ConsentEvent:
    """Rings as if the line had been saved alone."""
    row = people.settle_one(sender, staging.row(statement))
    if row.address != statement.address.value:
        commitment = staging.committed(statement, row.address)
        row = row._replace(address_commitment=staging.as_bytes(commitment))
    with prepared() as cursor:
        cursor.execute(_WRITE_ONE, {**row._asdict(), **_constants(sender, purposes)})
        [written], late, several, gone = _read([statement], cursor.fetchall())
    did = (statement, written.occurred_at, written.recorded_at)
    if gone and not erased.treat_one(written.identity.id, *did):
        written = written.nameless
    _mend(purposes, late, several)
    event = _event_of(sender, purposes, written)
    post_save.send(
        ConsentEvent,
        instance=event,
        created=True,
        raw=False,
        using=connection.alias,
        update_fields=None,
    )
    return event


def _settle_people(sender: Sender, count: int) -> None:
    """What is said of somebody known is committed to their address as it is kept."""
    if respelled := people.settle(sender, count):
        commitments = [one.commitment for one in respelled]
        with connection.cursor() as cursor:
            cursor.execute(_RECOMMIT, [[one.n for one in respelled], commitments])


def _read(
    statements: Sequence[Prepared], rows: Iterable[tuple[Any, ...]]
) -> tuple[list[Written], set[tuple[UUID, UUID]], set[UUID], set[UUID]]:
    """What was written; the pairs to name anew; the people for whom several purposes count.

    And who is erased.
    """
    written: list[Written] = []
    late: set[tuple[UUID, UUID]] = set()
    several: set[UUID] = set()
    gone: set[UUID] = set()
    for n, identity, contact, address, commitment, *did, is_late, has_several, is_erased in rows:
        known = Known(identity, contact, address)
        one = statements[n]._replace(address_commitment=bytes(commitment))
        written.append(Written(one, known, *did))
        if is_late:
            late.add((known.id, one.purpose))
        if has_several:
            several.add(known.id)
        if is_erased:
            gone.add(known.id)
    return written, late, several, gone


def _constants(sender: Sender, purposes: PurposeTree) -> dict[str, Any]:
    return {
        "sender": sender.id,
        "root": purposes.named(ROOT_PURPOSE).id,
        "root_allows": purposes.root_allows,
        "ending": list(purposes.ending),
    }


def _mend(
    purposes: PurposeTree, late: Collection[tuple[UUID, UUID]], several: Collection[UUID]
) -> None:
    """What the statement that writes leaves to others."""
    if late:
        _name_anew(late)
    if several:
        _settle(purposes, several)


def _name_anew(pairs: Collection[tuple[UUID, UUID]]) -> None:
    identities, purposes = zip(*sorted(pairs), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(sql.NAME_ANEW, [list(identities), list(purposes)])


def _settle(purposes: PurposeTree, identities: Collection[UUID]) -> None:
    """Where several purposes count, or an opt-in may have run out when it is written down.

    Then whether the person may be written to is worked out here.
    """
    folds: dict[UUID, dict[UUID, Fold]] = defaultdict(dict)
    for consent in Consent.objects.filter(identity__in=identities):
        folds[consent.identity_id][consent.purpose_id] = consent.fold
    now = database_clock()
    verdicts = [(identity, purposes.may_write(stated, now)) for identity, stated in folds.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE consents_standing standing SET may_write = one.may_write "
            "FROM unnest(%s::uuid[], %s::boolean[]) AS one(identity_id, may_write) "
            "WHERE standing.identity_id = one.identity_id",
            [[identity for identity, _ in verdicts], [verdict for _, verdict in verdicts]],
        )


def _lines(sender: Sender, count: int) -> Lines:
    return Lines(sender.id, _staged_lines, _staged_events, sql.STAGED, count)


def _staged_lines() -> Sequence[Line]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id, identity_id, action FROM staged_statement ORDER BY n")
        return [Line(*row) for row in cursor]


def _staged_events() -> Sequence[ConsentEvent]:
    ids = RawSQL("SELECT event_id FROM staged_statement", ())
    events = ConsentEvent.objects.filter(id__in=ids).order_by("seq")
    return list(events.select_related("identity", "purpose"))


def _identity_of(sender: Sender, one: Written) -> ChannelIdentity:
    """What is not known of it here is read when somebody asks."""
    known, channel = one.identity, one.statement.address.channel.value
    values = (known.id, sender.id, known.contact, channel, known.address)
    return ChannelIdentity.from_db(connection.alias, _IDENTITY, values)


def _event_of(sender: Sender, purposes: PurposeTree, one: Written) -> ConsentEvent:
    statement = one.statement
    return ConsentEvent(
        id=UUID(statement.event),
        seq=one.seq,
        sender=sender,
        identity=_identity_of(sender, one),
        action=statement.action,
        purpose=purposes.by_id[statement.purpose],
        source=statement.source,
        origin=statement.origin,
        actor=statement.actor,
        lifts=statement.lifts,
        occurred_at=one.occurred_at,
        recorded_at=one.recorded_at,
        effective=one.effective,
        outcome=one.outcome,
        address_commitment=statement.address_commitment,
        detail_commitment=statement.detail_commitment,
    )

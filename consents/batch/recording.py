"""Writes prepared statements: staged with COPY, folded and inserted by one statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models.signals import post_save

from consents.addressbook import key_of
from consents.batch import people, sql
from consents.batch.people import Known, People
from consents.batch.prepared import Prepared
from consents.commitments import commit_to_address
from consents.folding import Fold
from consents.models import ChannelIdentity, Consent, ConsentEvent, Sender
from consents.models.base import new_id
from consents.models.prepared import prepared
from consents.purposes import PurposeTree
from consents.signals import Line, Lines, lines_recorded
from consents.vocabulary import ROOT_PURPOSE

_IDENTITY: Final = ("id", "sender_id", "contact_id", "channel", "address")


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


def record(sender: Sender, purposes: PurposeTree, statements: Sequence[Prepared]) -> list[Written]:
    """Write these down, in their order, and ring the doorbell once. In a transaction.

    The first thing in it that locks anything: the identities are found or made, and locked.
    """
    found = people.find(sender, statements)
    return write(sender, purposes, statements, found)


def write(
    sender: Sender, purposes: PurposeTree, statements: Sequence[Prepared], found: People
) -> list[Written]:
    """The same, where the identities that are known have been looked up already."""
    if not statements:
        return []
    made = people.make(sender, statements, found)
    named = [found[key_of(one.address)] for one in statements]
    people.lock(one.id for one in named if one.id not in made)
    spelled = [_as_kept(*one) for one in zip(statements, named, strict=True)]
    written, late, several = _insert(sender, purposes, spelled, named)
    if late:
        _name_anew(late)
    if several:
        _settle(purposes, several)
    _ring(sender, purposes, written)
    return written


def _insert(
    sender: Sender,
    purposes: PurposeTree,
    statements: Sequence[Prepared],
    named: Sequence[Known],
) -> tuple[list[Written], set[tuple[UUID, UUID]], set[UUID]]:
    """What was written; the pairs to name anew; the people for whom several purposes count."""
    staging = [staged(n, *one) for n, one in enumerate(zip(statements, named, strict=True))]
    constants = _constants(sender, purposes)
    rows = _write_one(staging[0], constants) if len(staging) == 1 else _write(staging, constants)
    late = {(named[n].id, statements[n].purpose) for n, *_, is_late, _ in rows if is_late}
    several = {named[n].id for n, *_, has_several in rows if has_several}
    return [Written(statements[n], named[n], *rest) for n, *rest, _, _ in rows], late, several


def _write(staging: Sequence[tuple[Any, ...]], constants: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql.ROOM)
        cursor.execute(sql.STAGE)
        with cursor.copy(sql.COPY) as copy:
            for row in staging:
                copy.write_row(row)
        cursor.execute(sql.WRITE, constants)
        rows: list[Any] = cursor.fetchall()
        cursor.execute(f"TRUNCATE {sql.STAGED}")
    return rows


def _write_one(row: tuple[Any, ...], constants: dict[str, Any]) -> list[Any]:
    with prepared() as cursor:
        cursor.execute(sql.WRITE_ONE, {**dict(zip(sql.COLUMNS, row, strict=True)), **constants})
        return list(cursor.fetchall())


def _constants(sender: Sender, purposes: PurposeTree) -> dict[str, Any]:
    return {
        "sender": sender.id,
        "root": purposes.named(ROOT_PURPOSE).id,
        "root_allows": purposes.root_allows,
    }


def _as_kept(one: Prepared, identity: Known) -> Prepared:
    """Committed to the address that is kept, where that is another spelling or erased."""
    if identity.address == one.address.value:
        return one
    channel, kept = one.address.channel.value, identity.address or ""
    return one._replace(address_commitment=commit_to_address(one.address_salt, channel, kept))


def staged(n: int, one: Prepared, identity: Known) -> tuple[Any, ...]:
    """The columns of the staging table."""
    return (
        n,
        identity.id,
        one.event,
        new_id(),
        one.action,
        one.purpose,
        one.source,
        one.origin,
        one.actor,
        one.lifts,
        one.occurred_at,
        one.ip,
        one.user_agent,
        one.evidence,
        one.note,
        one.salt,
        one.address_salt,
        one.address_commitment,
        one.detail_commitment,
    )


def _name_anew(pairs: Collection[tuple[UUID, UUID]]) -> None:
    identities, purposes = zip(*sorted(pairs), strict=True)
    with connection.cursor() as cursor:
        cursor.execute(sql.NAME_ANEW, [list(identities), list(purposes)])


def _settle(purposes: PurposeTree, identities: Collection[UUID]) -> None:
    """Where several purposes count, whether the person may be written to is worked out here."""
    folds: dict[UUID, dict[UUID, Fold]] = defaultdict(dict)
    for consent in Consent.objects.filter(identity__in=identities):
        folds[consent.identity_id][consent.purpose_id] = consent.fold
    verdicts = [(identity, purposes.may_write(stated)) for identity, stated in folds.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE consents_standing standing SET may_write = one.may_write "
            "FROM unnest(%s::uuid[], %s::boolean[]) AS one(identity_id, may_write) "
            "WHERE standing.identity_id = one.identity_id",
            [[identity for identity, _ in verdicts], [verdict for _, verdict in verdicts]],
        )


def _ring(sender: Sender, purposes: PurposeTree, written: Sequence[Written]) -> None:
    """A line alone rings as if it had been saved alone."""
    if len(written) > 1:
        lines_recorded.send(ConsentEvent, lines=_lines(sender, written))
        return
    post_save.send(
        ConsentEvent,
        instance=event_of(sender, purposes, written[0]),
        created=True,
        raw=False,
        using=connection.alias,
        update_fields=None,
    )


def _lines(sender: Sender, written: Sequence[Written]) -> Lines:
    lines = [Line(one.statement.event, one.identity.id, one.statement.action) for one in written]
    return Lines(sender.id, lines, lambda: _read([line.event for line in lines]))


def _read(ids: Iterable[UUID]) -> Sequence[ConsentEvent]:
    rows = ConsentEvent.objects.filter(id__in=list(ids)).order_by("seq")
    return list(rows.select_related("identity", "purpose"))


def _identity_of(sender: Sender, one: Written) -> ChannelIdentity:
    """What is not known of it here is read when somebody asks."""
    known, channel = one.identity, one.statement.address.channel.value
    values = (known.id, sender.id, known.contact, channel, known.address)
    return ChannelIdentity.from_db(connection.alias, _IDENTITY, values)


def event_of(sender: Sender, purposes: PurposeTree, one: Written) -> ConsentEvent:
    """The line as an instance, as far as it can be known without reading it back."""
    statement = one.statement
    return ConsentEvent(
        id=statement.event,
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

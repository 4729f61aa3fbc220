"""Forgets a person, and goes on refusing them: nobody is sent anything because they were forgotten.

In two phases. At once an opt-out of everything is recorded, and all that is personal goes, but what
somebody must still be told of them. When nothing is owed any more, the address goes too. What stays
is a keyed hash: whoever imports the address again finds the person opted out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Q

from consents import holders, ledger, legal_holds, record_holder
from consents.holders import Kept, Person
from consents.models import (
    ChannelIdentity,
    ConsentEvent,
    Contact,
    Erasure,
    ImportFile,
    Standing,
)
from consents.purposes import PurposeTree
from consents.vocabulary import ROOT_PURPOSE, Action, Origin
from consents.writing import Line, Page, database_clock

SOURCE: Final = "ERASURE"
CHUNK: Final = 100


@dataclass(frozen=True, slots=True)
class Report:
    """How far an erasure is, and what of the person is left."""

    erasure: Erasure
    kept: Sequence[Kept]


def erase(contact: Contact, *, actor: str) -> Report:
    """Forget this contact and all their identities; once more, it changes nothing.

    The erasure is finished in the same breath where nobody is owed word of it. Raises ConsentError
    `legal_hold`.
    """
    elsewhere = Kept("same_address_elsewhere", _elsewhere(contact), "Another contact has it.")
    erasure = ledger.once_more_on_deadlock(lambda: _erase(contact.id, actor))
    told = report(erasure)
    return Report(erasure, [*told.kept, *([elsewhere] if elsewhere.count else [])])


def report(erasure: Erasure) -> Report:
    """Of an erasure as it stands now."""
    people = ChannelIdentity.objects.filter(contact=erasure.contact_id)
    ids = list(people.values_list("id", flat=True))
    lines = ConsentEvent.objects.filter(identity__in=ids).count()
    files = ImportFile.objects.filter(sender__contacts=erasure.contact_id, pieces__isnull=False)
    kept = [
        *(holders.owed(ids) if erasure.finished_at is None else ()),
        Kept("ledger_lines", lines, "They say what was agreed and when, and of nobody who."),
        Kept("address_hashes", len(ids), "By them the person stays opted out if imported again."),
        Kept("import_files", files.distinct().count(), "They may name the person until they go."),
    ]
    return Report(erasure, [one for one in kept if one.count])


def finish_open() -> int:
    """Take the addresses of those of whom nobody is owed anything any more; how many erasures."""
    finished, last = 0, UUID(int=0)
    while ids := _unfinished(last):
        finished += sum(map(_finish_one, ids))
        last = ids[-1]
    return finished


def _unfinished(after: UUID) -> list[UUID]:
    rows = Erasure.objects.filter(finished_at=None, id__gt=after).order_by("id")
    return list(rows.values_list("id", flat=True)[:CHUNK])


def _erase(id: UUID, actor: str) -> Erasure:
    contact = Contact.objects.select_related("sender").get(id=id)
    standings = _locked(id)
    legal_holds.check(id)
    last = Erasure.objects.filter(contact=id).first()
    if last is None or _has_come_back(standings, last):
        last = _begin(contact, standings, actor)
    if last.finished_at is None:
        _finish(last)
    return last


def _locked(contact: UUID) -> list[Standing]:
    """The standings of all identities; who joins the contact meanwhile is among them."""
    people = ChannelIdentity.objects.filter(contact=contact).values_list("id", flat=True)
    standings: list[Standing] = []
    known: set[UUID] = set()
    while (ids := set(people.all())) - known:
        standings, known = list(Standing.objects.locked(ids)), ids
    return standings


def _has_come_back(standings: Sequence[Standing], last: Erasure) -> bool:
    """Whether there is something to forget that was not there when they were erased last."""
    names = Q(external_id__isnull=False) | ~Q(display_name="")
    is_named = Contact.objects.filter(names, id=last.contact_id).exists()
    return is_named or any(standing.erased_at is None for standing in standings)


def _begin(contact: Contact, standings: Sequence[Standing], actor: str) -> Erasure:
    ids = [standing.identity_id for standing in standings]
    if ids:
        _opt_out(contact, actor)
        _note(contact, ids, actor)
    record_holder.forget_names(contact.id)
    now = database_clock()
    erasure, _ = Erasure.objects.get_or_create(
        contact=contact, finished_at=None, defaults={"actor": actor, "asked_at": now}
    )
    holders.erase(_person(ids))
    return erasure


def _opt_out(contact: Contact, actor: str) -> None:
    ledger.record(
        contact.sender,
        action=Action.OPT_OUT,
        contact=contact,
        source=SOURCE,
        origin=Origin.SYSTEM,
        actor=actor,
    )


def _note(contact: Contact, identities: Collection[UUID], actor: str) -> None:
    """Write down that they are erased, each identity in a line of its own."""
    page = Page(contact.sender, PurposeTree.load())
    page.lock(identities)
    for identity in contact.identities.filter(id__in=identities):
        if page.standings[identity.id].erased_at is None:
            line = _line(page, identity, actor)
            page.touch(identity.id).erased_at = page.add(line).recorded_at
    page.write()


def _line(page: Page, identity: ChannelIdentity, actor: str) -> Line:
    root = page.purposes.named(ROOT_PURPOSE)
    return Line(
        identity=identity, action=Action.ERASED, purpose=root, origin=Origin.SYSTEM, actor=actor
    )


def _finish_one(id: UUID) -> bool:
    return ledger.once_more_on_deadlock(lambda: _finish_unless_done(id))


def _finish_unless_done(id: UUID) -> bool:
    """Under the locks: somebody may have finished it, or come back, since it was found."""
    erasure = Erasure.objects.get(id=id)
    _locked(erasure.contact_id)
    erasure.refresh_from_db()
    if erasure.finished_at is None and not legal_holds.is_held(erasure.contact_id):
        _finish(erasure)
        return erasure.finished_at is not None
    return False


def _finish(erasure: Erasure) -> None:
    """Where nobody is owed anything; of those who have come back nothing is taken."""
    erased = Standing.objects.filter(identity__contact=erasure.contact_id, erased_at__isnull=False)
    ids = list(erased.values_list("identity", flat=True))
    if holders.owed(ids):
        return
    holders.erase(_person(ids))
    record_holder.forget_addresses(ids)
    erasure.finished_at = database_clock()
    erasure.save(update_fields=["finished_at"])


def _person(identities: Collection[UUID]) -> Person:
    rows = ChannelIdentity.objects.filter(id__in=identities)
    spellings = rows.values_list("address", "lookup_key")
    return Person(identities, {text for pair in spellings for text in pair if text})


def _elsewhere(contact: Contact) -> int:
    """How many identities of other contacts have an address of this one."""
    keys = contact.identities.filter(lookup_key__isnull=False).values("lookup_key")
    others = ChannelIdentity.objects.filter(sender=contact.sender_id, lookup_key__in=keys)
    return others.exclude(contact=contact).count()

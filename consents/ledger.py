"""The one writer of consent events.

`record` and `record_many` are the same work for one and for many: check, find the identities,
lock their standings in one order, fold, write the state and the lines, ring the doorbell; all in
one transaction. Arrival order plays no part in the state; every valid request is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction

from consents import addressbook, entries, reviews, voiding
from consents.addressbook import key_of
from consents.batch import recording
from consents.batch.prepared import ask_and_say_more, prepare, stands_alone, waits
from consents.entries import Draft, Entry
from consents.errors import ConsentError
from consents.history import (
    ever_stated,
    is_window_noted,
    last_inbound_as_of,
    lines,
    newest_hold,
    statements,
)
from consents.models import ConsentEvent, ImportRun, Sender, Standing
from consents.notices import Notices
from consents.purposes import PurposeTree
from consents.reach import Reach
from consents.vocabulary import VOIDABLE_ACTIONS, Origin, Outcome
from consents.writing import Line, Page, database_clock

DEADLOCK = "40P01"
VOIDED_AT_ONCE: Final = 1000

Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of one entry: all lines written for it, its own first.

    There is more than one when the entry spoke of a whole contact, or was an opt-out that counts
    for the contact's other identities too.
    """

    events: Sequence[ConsentEvent]

    @property
    def event(self) -> ConsentEvent:
        return self.events[0]


def record(sender: Sender | str, *, action: str, **fields: Any) -> Recorded:
    """Write down one opt-in or opt-out; the fields are those of `Entry`.

    An opt-in that the person has to confirm is written down as one that was asked for. Raises
    ConsentError, and changes nothing, when it cannot be recorded.
    """
    [result] = _record(sender, [Entry(action=action, **fields)], is_single=True)
    if isinstance(result, ConsentError):
        raise result
    return result


def record_many(sender: Sender | str, items: Sequence[Entry]) -> list[Recorded | ConsentError]:
    """The same for many, in one transaction: a result for each entry, in their order.

    An entry that cannot be recorded does not hold up its neighbours. An opt-in of an API or
    import entry lifts an opt-out only where it states its own `occurred_at`.
    """
    return _record(sender, items, is_single=False)


def void(event: ConsentEvent, *, note: str, actor: str) -> ConsentEvent:
    """Take back a line entered in error: it stays written down, and the fold skips it.

    Raises ConsentError for a person's own opt-out, which nobody may take back, and for a line
    that is no opt-in or opt-out or is void already.
    """
    return once_more_on_deadlock(lambda: _void(event, note, actor))


def void_run(run: ImportRun, *, note: str, actor: str) -> int:
    """The same with every line that an import wrote; how many were voided.

    Some lines in each transaction: killed at any moment, it goes on when it is called again. A run
    that was stopped halfway is not recorded further. Raises ConsentError `note_required`.
    """
    voiding.check_note(note)
    once_more_on_deadlock(lambda: _begin_voiding(run, actor))
    voided = 0
    while some := list(voiding.of_run(run)[:VOIDED_AT_ONCE]):
        voided += once_more_on_deadlock(partial(_void_many, run, some, note, actor))
    return voided


def rebuild(identities: Iterable[UUID]) -> None:
    """Fold the ledger of these identities anew and put the result in place of what is there."""
    ids = sorted(set(identities))
    with transaction.atomic():
        senders = Sender.objects.filter(identities__in=ids).distinct()
        for sender in senders:
            page = Page(sender, PurposeTree.load())
            page.lock(sender.identities.filter(id__in=ids).values_list("id", flat=True))
            said = statements(page.standings)
            known = {(one, purpose) for one, folds in page.folds.items() for purpose in folds}
            for pair in known | ever_stated(page.standings):
                page.replace_fold(pair, said.get(pair, []))
            for identity in page.standings:
                _restore_standing(page.touch(identity), page.now)
            page.write()


def _restore_standing(standing: Standing, now: datetime) -> None:
    standing.last_inbound_at = last_inbound_as_of(standing.identity_id, now)
    standing.window_noted = is_window_noted(standing.identity_id)
    hold = newest_hold(standing.identity_id)
    standing.held_by = hold
    standing.held_at = hold.occurred_at if hold else None


def the_sender(sender: Sender | str) -> Sender:
    """The sender itself, or the one with this key."""
    if isinstance(sender, Sender):
        return sender
    found = Sender.objects.filter(key=sender).first()
    if found is None:
        raise ConsentError("unknown_sender", "There is no such sender.", "sender")
    return found


def once_more_on_deadlock(work: Callable[[], Done], *, savepoint: bool = True) -> Done:
    """Run `work` as a transaction; when the database ends it to resolve a deadlock, once more.

    Inside somebody else's transaction it is theirs to try again; without a `savepoint` they have
    to, whatever `work` raises.
    """
    try:
        with transaction.atomic(savepoint=savepoint):
            return work()
    except OperationalError as error:
        if getattr(error, "sqlstate", None) != DEADLOCK or connection.in_atomic_block:
            raise
    with transaction.atomic():
        return work()


def _record(
    sender: Sender | str, items: Sequence[Entry], *, is_single: bool
) -> list[Recorded | ConsentError]:
    whose = the_sender(sender)
    # An entry that cannot be recorded is no error here, so that nothing has to be taken back.
    return once_more_on_deadlock(
        lambda: _record_once(whose, items, is_single=is_single), savepoint=False
    )


def _record_once(
    sender: Sender, items: Sequence[Entry], *, is_single: bool
) -> list[Recorded | ConsentError]:
    purposes, now = PurposeTree.current()
    checked = _check_all(sender, items, purposes, now, is_single=is_single)
    drafts = _without_erased_contacts(checked)
    if _stand_alone(drafts, now):
        recorded = _record_together(sender, purposes, drafts)
    else:
        recorded = _record_on_a_page(sender, purposes, drafts)
    for result in recorded:
        if isinstance(result, Recorded):
            _ask_about(result)
    return recorded


def _check_all(
    sender: Sender,
    items: Sequence[Entry],
    purposes: PurposeTree,
    now: datetime,
    *,
    is_single: bool,
) -> list[Draft | ConsentError]:
    notices = Notices.named_in(sender, (item.evidence for item in items))
    drafts: list[Draft | ConsentError] = []
    for item in items:
        try:
            drafts.append(entries.check(item, sender, purposes, notices, now, is_single=is_single))
        except ConsentError as error:
            drafts.append(error)
    return drafts


def _without_erased_contacts(
    drafts: Sequence[Draft | ConsentError],
) -> Sequence[Draft | ConsentError]:
    """No address becomes theirs any more: it is recorded as if no contact had been named."""
    named = {one.contact.id for one in drafts if isinstance(one, Draft) and one.contact}
    erased = addressbook.erased_contacts(named) if named else set()
    return [
        replace(one, contact=None)
        if isinstance(one, Draft) and one.address and one.contact and one.contact.id in erased
        else one
        for one in drafts
    ]


def _stand_alone(drafts: Sequence[Draft | ConsentError], now: datetime) -> bool:
    stated = [one for one in drafts if isinstance(one, Draft)]
    if not all(stands_alone(one, now) for one in stated):
        return False
    if any(waits(one) for one in stated):
        # One alone is written faster on a page.
        said = [(key_of(one.address), waits(one)) for one in stated if one.address]
        return len(stated) > 1 and not ask_and_say_more(said)
    return True


def _record_on_a_page(
    sender: Sender, purposes: PurposeTree, drafts: Sequence[Draft | ConsentError]
) -> list[Recorded | ConsentError]:
    page = Page(sender, purposes)
    recorded = [_add(page, lines) for lines in _lines_of(page, drafts)]
    page.write()
    return recorded


def _record_together(
    sender: Sender, purposes: PurposeTree, drafts: Sequence[Draft | ConsentError]
) -> list[Recorded | ConsentError]:
    """By a few statements for all of them, where none concerns more than its own identity."""
    statements = [prepare(one) for one in drafts if isinstance(one, Draft)]
    lines = iter(recording.record(sender, purposes, statements))
    return [Recorded([next(lines)]) if isinstance(one, Draft) else one for one in drafts]


def _lines_of(
    page: Page, drafts: Sequence[Draft | ConsentError]
) -> list[list[Line] | ConsentError]:
    """Find and lock the identities concerned, then say what lines each draft makes."""
    reach = Reach(page)
    reach.open([draft for draft in drafts if isinstance(draft, Draft)])
    for line in reach.inherited():
        page.add(line)
    results: list[list[Line] | ConsentError] = []
    for draft in drafts:
        try:
            results.append(draft if isinstance(draft, ConsentError) else reach.lines_of(draft))
        except ConsentError as error:
            results.append(error)
    return results


def _add(page: Page, lines: list[Line] | ConsentError) -> Recorded | ConsentError:
    if isinstance(lines, ConsentError):
        return lines
    return Recorded([page.add(line) for line in lines])


def _ask_about(recorded: Recorded) -> None:
    """Let staff look at what a provider says of somebody who has opted out."""
    for event in recorded.events:
        if event.origin == Origin.PROVIDER and event.outcome == Outcome.WOULD_RESURRECT:
            kind, subject = Outcome.WOULD_RESURRECT.value, ("event", str(event.id))
            reviews.ask(
                event.sender, kind, event.recorded_at, identity=event.identity, subject=subject
            )


def _void(event: ConsentEvent, note: str, actor: str) -> ConsentEvent:
    page = Page(event.sender, PurposeTree.load())
    page.lock([event.identity_id])
    voiding.check(event, note)
    [voided] = voiding.strike(page, [event], note=note, actor=actor)
    page.write()
    return voided


def _begin_voiding(run: ImportRun, actor: str) -> None:
    """From here on nobody takes the import further. Whoever voids it again goes on with it."""
    held = ImportRun.objects.select_for_update().get(id=run.id)
    if held.voided_at is None:
        held.voided_at, held.voided_by = database_clock(), actor
        held.save(update_fields=["voided_at", "voided_by"])
    run.refresh_from_db()


def _void_many(run: ImportRun, events: Sequence[ConsentEvent], note: str, actor: str) -> int:
    page = Page(run.sender, PurposeTree.load())
    page.lock({event.identity_id for event in events})
    # Somebody may have voided one before the locks were ours.
    still = lines(of=VOIDABLE_ACTIONS).filter(id__in=[event.id for event in events])
    counting = list(still.order_by("seq").select_related("identity", "purpose"))
    voiding.strike(page, counting, note=note, actor=actor)
    page.write()
    return len(counting)

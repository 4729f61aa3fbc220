"""An address that belongs to somebody else than was thought, or to somebody else by now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from consents import ledger
from consents.errors import ConsentError
from consents.models import ChannelIdentity, ConsentEvent, Contact
from consents.models.base import new_id
from consents.purposes import PurposeTree
from consents.reach import Reach
from consents.vocabulary import ROOT_PURPOSE, Action, Origin
from consents.writing import Line, Page

SOURCE = "ADDRESS MOVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Which address goes to whom. `with_consent`: what was said of it was said by that person.

    Without it the address has changed hands: it is opted out of everything from now on, until its
    new owner opts in. What was said before stays true of the time before.
    """

    identity: ChannelIdentity
    to: Contact
    with_consent: bool
    note: str = field(repr=False)
    actor: str


def carry_out(move: Move) -> ConsentEvent:
    """Move the address; the line of the ledger that says so.

    Opt-outs of the contact it comes to count for it too, as for any address that joins them.
    Raises ConsentError `note_required`, `unknown_contact`, `already_theirs`, `erased`.
    """
    if not move.note.strip():
        raise ConsentError("note_required", "Say how you know whose address it is.", "note")
    if move.to.sender_id != move.identity.sender_id:
        raise ConsentError("unknown_contact", "There is no such contact.", "to")
    if move.identity.address is None:
        raise ConsentError("erased", "This person has been erased.", "identity")
    return ledger.once_more_on_deadlock(lambda: _carry_out(move))


def _carry_out(move: Move) -> ConsentEvent:
    page = Page(move.identity.sender, PurposeTree.load())
    before, taken_over = Reach(page).bring(move.identity, move.to)
    line = _moved(page, move, before)
    moved = page.add(line)
    for stop in taken_over:
        page.add(stop)
    if not move.with_consent:
        page.add(
            replace(line, event=new_id(), action=Action.OPT_OUT, source=SOURCE, cause=moved.id)
        )
    page.write()
    if before.is_stranger and not before.identities.exists():
        before.delete()
    return moved


def _moved(page: Page, move: Move, before: Contact) -> Line:
    return Line(
        identity=move.identity,
        action=Action.IDENTITY_MOVED,
        purpose=page.purposes.named(ROOT_PURPOSE),
        origin=Origin.ADMIN,
        actor=move.actor,
        note=move.note,
        evidence={"from": str(before.pk), "to": str(move.to.pk)},
    )

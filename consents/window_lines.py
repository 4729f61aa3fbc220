"""The customer window's lines in the ledger: when it opened, and when it had run out.

The gate needs none of them; they are for whoever reads or is told what happened.
"""

from __future__ import annotations

from datetime import datetime

from consents import ledger, window
from consents.models import ChannelIdentity, Sender, Standing
from consents.purposes import PurposeTree
from consents.vocabulary import CUSTOMER_WINDOW, ROOT_PURPOSE, Action, Channel, Origin
from consents.writing import Line, Page, database_clock


def moved_by(page: Page, identity: ChannelIdentity, received_at: datetime) -> list[Line]:
    """Let a message of that time into a locked standing; the lines that tell what it did."""
    standing = page.touch(identity.id)
    length = Channel(identity.channel).window
    if length is None:
        return []
    last = standing.last_inbound_at
    move = window.advance(last, standing.window_noted, received_at, length)
    if move is None:
        return []
    standing.last_inbound_at = move.last_inbound
    standing.window_noted = True
    moments = [(Action.WINDOW_CLOSED, move.closed_at), (Action.WINDOW_OPENED, move.opened_at)]
    return [_line(page, identity, action, at) for action, at in moments if at]


def close_run_out(limit: int = 500) -> int:
    """Write `window_closed`, at its true end, for windows that have run out; how many."""
    return ledger.once_more_on_deadlock(lambda: _close_run_out(limit))


def _close_run_out(limit: int) -> int:
    run_out = database_clock() - CUSTOMER_WINDOW
    due = Standing.objects.filter(window_noted=True, last_inbound_at__lte=run_out)
    ids = list(due.order_by("last_inbound_at").values_list("identity", flat=True)[:limit])
    purposes = PurposeTree.load()
    closed = 0
    for sender in Sender.objects.filter(identities__in=ids).distinct():
        identities = sender.identities.filter(id__in=ids)
        page = Page(sender, purposes)
        page.lock(identity.id for identity in identities)
        closed += sum(_close(page, identity, run_out) for identity in identities)
        page.write()
    return closed


def _close(page: Page, identity: ChannelIdentity, run_out: datetime) -> bool:
    """Under the lock: somebody may have written, or closed it, since it was found."""
    standing = page.standings[identity.id]
    last = standing.last_inbound_at
    if not standing.window_noted or last is None or last > run_out:
        return False
    page.add(_line(page, identity, Action.WINDOW_CLOSED, last + CUSTOMER_WINDOW))
    page.touch(identity.id).window_noted = False
    return True


def _line(page: Page, identity: ChannelIdentity, action: Action, at: datetime) -> Line:
    root = page.purposes.named(ROOT_PURPOSE)
    return Line(
        identity=identity, action=action, purpose=root, origin=Origin.SYSTEM, occurred_at=at
    )

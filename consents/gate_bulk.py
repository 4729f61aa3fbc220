"""The gate, asked for many people at once: as many statements for ten thousand as for one.

Ten thousand answers have few forms: of those who said one thing, are not held and whose customer
window is not open, all that differs is the line that decides. So `decide` is asked once for each
such form, and so is `show`, by which the caller makes of a permission what it will print.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from consents import entries, identifiers, window
from consents.decision import Facts, Permission, decide
from consents.gate import readable, refuse_root
from consents.gate_people import (
    EVENT,
    HELD_AT,
    LAST_INBOUND_AT,
    NOTHING_SAID,
    PURPOSE,
    STATE,
    People,
    Row,
    fold_of,
    read_time,
)
from consents.identifiers import Address
from consents.models import Purpose, Sender
from consents.purposes import PurposeTree
from consents.vocabulary import Category, Channel, Reason

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True, eq=False)
class Form(Generic[Shown]):
    """What answers have in common: the permission, but for its event, and what is shown of it."""

    permission: Permission
    shown: Shown


Answer = tuple[str | None, Form[Shown], str | None]
"""How the identity was read, None where it could not be; the form; the event that decides."""


def check_many(
    sender: Sender,
    channel: str,
    identities: Sequence[object],
    purpose: str = "service",
    *,
    show: Callable[[Permission], Shown],
) -> list[Answer[Shown]]:
    """What `gate.check` says now of each of these, in their order.

    Raises ConsentError for an unknown channel or purpose and for the root purpose.
    """
    on = entries.channel(channel)
    # The clock before anything is read: what is said after it need not be in the answer.
    purposes, now = PurposeTree.current()
    asked = askable(purposes, purpose)
    panel = _Panel(on, asked, purposes, now, show)
    return _answers(panel, People(sender, on, panel.chain), identities)


def askable(purposes: PurposeTree, key: object) -> Purpose:
    """The purpose with this key. Raises ConsentError where there is none, and for the root."""
    refuse_root(key)
    return purposes.named(key)


def _answers(
    panel: _Panel[Shown], people: People, identities: Sequence[object]
) -> list[Answer[Shown]]:
    """Most are written as they are kept, and found as they are; only the others are read."""
    guesses = identifiers.guesses(panel.channel, identities)
    known = people.kept_under({guess[1] for guess in guesses if guess})
    answers: list[Any] = []
    unread: dict[int, Address | None] = {}
    for at, guess in enumerate(guesses):
        rows = known.get(guess[0]) if guess else None
        if guess and rows:
            answers.append(panel.answer(guess[0], rows))
        else:
            answers.append(None)
            unread[at] = readable(panel.channel, identities[at])
    known = people.meant_by([address for address in unread.values() if address])
    for at, address in unread.items():
        answers[at] = (
            panel.answer(address.value, known.get(address.lookup_key))
            if address
            else (None, panel.invalid, None)
        )
    return answers


class _Panel(Generic[Shown]):
    """One question at one instant, and the forms that its answers have had so far."""

    def __init__(
        self,
        channel: Channel,
        purpose: Purpose,
        purposes: PurposeTree,
        now: datetime,
        show: Callable[[Permission], Shown],
    ) -> None:
        self.channel = channel
        self.purpose = purpose
        self.category = Category(str(purpose.category))
        self.chain = [str(link.id) for link in purposes.chain(purpose)]
        self.lasts = purposes.lasts[purpose.id]
        self.now = now
        self.show = show
        self._forms: dict[object, Form[Shown]] = {}
        self._form_of: dict[tuple[str | None, str | None, bool], Form[Shown]] = {}
        self._unknown = self._form(decide(self._facts(None), now))
        self.invalid = self._form(
            Permission(allowed=False, reason=Reason.INVALID_IDENTITY, as_of=now)
        )

    def answer(self, address: str, rows: Sequence[Row] | None) -> Answer[Shown]:
        """`rows`: what is known of the person, one for each consent; None for a stranger."""
        if rows is None:
            return address, self._unknown, None
        row = rows[0]
        wrote_at = row[LAST_INBOUND_AT]
        is_open = wrote_at and self._is_open(wrote_at)
        if len(rows) > 1 or row[HELD_AT] or is_open or (self.lasts and row[STATE]):
            permission = decide(self._facts(rows), self.now)
            event = permission.event
            return address, self._form(permission), str(event) if event else None
        kind = (row[PURPOSE], row[STATE], wrote_at is None)
        form = self._form_of.get(kind)
        if form is None:
            form = self._form_of[kind] = self._form(decide(self._facts(rows), self.now))
        return address, form, row[EVENT] if form.permission.event else None

    def _form(self, permission: Permission) -> Form[Shown]:
        if permission.free_form_until or permission.expires_at:
            return Form(permission, self.show(permission))
        key = (permission.reason, permission.modes, permission.event is None)
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = Form(permission, self.show(permission))
        return form

    def _is_open(self, wrote_at: str) -> bool:
        return window.is_open(read_time(wrote_at), self.channel.window, self.now)

    def _facts(self, rows: Sequence[Row] | None) -> Facts:
        folds = {row[PURPOSE]: fold_of(row) for row in rows or () if row[PURPOSE]}
        known = rows[0] if rows else None
        return Facts(
            channel=self.channel,
            category=self.category,
            allowed_in_window=self.purpose.allowed_in_window,
            own_only=self.purpose.requires_own_consent,
            lasts=self.lasts,
            is_known=known is not None,
            chain=[folds.get(link, NOTHING_SAID) for link in self.chain],
            last_inbound_at=read_time(known[LAST_INBOUND_AT]) if known else None,
            held_at=read_time(known[HELD_AT]) if known else None,
        )

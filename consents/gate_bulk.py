"""The gate, asked for many people at once: as many statements for ten thousand as for one.

Ten thousand answers have few forms: of those who said one thing, are not held and whose customer
window is not open, all that differs is the line that decides. So `decide` is asked once for each
such form, and so is `show`, by which the caller makes of a permission what it will print.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from django.db import connection

from consents import entries, identifiers, window
from consents.commitments import identity_digest
from consents.decision import Facts, Permission, decide
from consents.folding import Fold
from consents.gate import readable, refuse_root
from consents.identifiers import Address
from consents.models import Purpose, Sender
from consents.models.standing import FOLD_FIELDS
from consents.purposes import PurposeTree
from consents.vocabulary import Category, Channel, Reason, State

Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True, eq=False)
class Form(Generic[Shown]):
    """What answers have in common: the permission, but for its event, and what is shown of it."""

    permission: Permission
    shown: Shown


Answer = tuple[str | None, Form[Shown], str | None]
"""How the identity was read, None where it could not be; the form; the event that decides."""

_Row = tuple[Any, ...]
"""What is known of an identity, and one of its consents; times and ids as text."""


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
    return _answers(panel, _People(sender, on, panel.chain), identities)


def askable(purposes: PurposeTree, key: object) -> Purpose:
    """The purpose with this key. Raises ConsentError where there is none, and for the root."""
    refuse_root(key)
    return purposes.named(key)


def _answers(
    panel: _Panel[Shown], people: _People, identities: Sequence[object]
) -> list[Answer[Shown]]:
    """Most are written as they are kept, and found as they are; only the others are read."""
    guesses = identifiers.guesses(panel.channel, identities)
    known = people.with_keys({guess[1] for guess in guesses if guess})
    answers: list[Any] = []
    unread: dict[int, Address | None] = {}
    for at, guess in enumerate(guesses):
        rows = known.get(guess[1]) if guess else None
        if guess and rows and rows[0][_ADDRESS] == guess[0]:
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
        self.now = now
        self.show = show
        self._forms: dict[object, Form[Shown]] = {}
        self._form_of: dict[tuple[str | None, str | None, bool], Form[Shown]] = {}
        self._unknown = self._form(decide(self._facts(None), now))
        self.invalid = self._form(
            Permission(allowed=False, reason=Reason.INVALID_IDENTITY, as_of=now)
        )

    def answer(self, address: str, rows: Sequence[_Row] | None) -> Answer[Shown]:
        """`rows`: what is known of the person, one for each consent; None for a stranger."""
        if rows is None:
            return address, self._unknown, None
        row = rows[0]
        wrote_at = row[_LAST_INBOUND_AT]
        if len(rows) > 1 or row[_HELD_AT] or (wrote_at and self._is_open(wrote_at)):
            permission = decide(self._facts(rows), self.now)
            event = permission.event
            return address, self._form(permission), str(event) if event else None
        kind = (row[_PURPOSE], row[_STATE], wrote_at is None)
        form = self._form_of.get(kind)
        if form is None:
            form = self._form_of[kind] = self._form(decide(self._facts(rows), self.now))
        return address, form, row[_EVENT] if form.permission.event else None

    def _form(self, permission: Permission) -> Form[Shown]:
        if permission.free_form_until:
            return Form(permission, self.show(permission))
        key = (permission.reason, permission.modes, permission.event is None)
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = Form(permission, self.show(permission))
        return form

    def _is_open(self, wrote_at: str) -> bool:
        return window.is_open(_time(wrote_at), self.channel.window, self.now)

    def _facts(self, rows: Sequence[_Row] | None) -> Facts:
        folds = {row[_PURPOSE]: _fold(*row[_STATE:]) for row in rows or () if row[_PURPOSE]}
        known = rows[0] if rows else None
        return Facts(
            channel=self.channel,
            category=self.category,
            allowed_in_window=self.purpose.allowed_in_window,
            own_only=self.purpose.requires_own_consent,
            is_known=known is not None,
            chain=[folds.get(link, _NOTHING_SAID) for link in self.chain],
            last_inbound_at=_time(known[_LAST_INBOUND_AT]) if known else None,
            held_at=_time(known[_HELD_AT]) if known else None,
        )


_ADDRESS, _KEY, _DIGEST, _LAST_INBOUND_AT, _HELD_AT, _PURPOSE, _STATE, _EVENT = range(8)

# As text, since most times are never looked at. LIMIT and OFFSET keep the planner from reading
# two whole tables to join them to some thousand people: it takes each person's rows by index,
# whatever the statistics say.
_QUERY: Final = f"""
SELECT identity.address, identity.lookup_key,
       CASE WHEN identity.lookup_key IS NULL THEN identity.digest END,
       standing.last_inbound_at, standing.held_at, consent.*
FROM consents_channelidentity identity
LEFT JOIN LATERAL (
    SELECT last_inbound_at::text, held_at::text
    FROM consents_standing WHERE identity_id = identity.id LIMIT 1
) standing ON true
LEFT JOIN LATERAL (
    SELECT purpose_id::text, {", ".join(f"{field}::text" for field in FOLD_FIELDS)}
    FROM consents_consent
    WHERE identity_id = identity.id AND purpose_id = ANY(%(purposes)s::uuid[]) OFFSET 0
) consent ON true
WHERE identity.sender_id = %(sender)s AND identity.channel = %(channel)s
"""  # noqa: S608 - column names are ours

# One text: a list takes Python as long to write as all else that is done for it here. No key holds
# a line feed, since all are printable.
_KEYS: Final = "string_to_array(%(keys)s, E'\\n')"

_NOTHING_SAID: Final = Fold()
_STATES: Final = {state.value: state for state in State}


class _People:
    """Looks people up; what is found of one is read at one moment."""

    def __init__(self, sender: Sender, channel: Channel, purposes: Sequence[str]) -> None:
        self._constants: Mapping[str, Any] = {
            "sender": sender.id,
            "channel": channel.value,
            "purposes": list(purposes),
        }

    def with_keys(self, keys: Collection[str]) -> Mapping[str, list[_Row]]:
        """Those that have these lookup keys, by key."""
        return self._fetch(f"identity.lookup_key = ANY({_KEYS})", keys, {}) if keys else {}

    def meant_by(self, addresses: Iterable[Address]) -> Mapping[str, list[_Row]]:
        """Those that these addresses mean, erased ones too, by lookup key."""
        keys = {address.lookup_key for address in addresses}
        digests = {identity_digest(self._constants["channel"], key): key for key in keys}
        either = f"(identity.lookup_key = ANY({_KEYS}) OR identity.digest = ANY(%(digests)s))"
        return self._fetch(either, keys, digests) if keys else {}

    def _fetch(
        self, condition: str, keys: Collection[str], digests: Mapping[bytes, str]
    ) -> Mapping[str, list[_Row]]:
        wanted: dict[str, Any] = {"keys": "\n".join(keys), "digests": list(digests)}
        with connection.cursor() as cursor:
            cursor.execute(f"{_QUERY} AND {condition}", {**self._constants, **wanted})
            rows: list[_Row] = cursor.fetchall()
        known = {row[_KEY] or digests[bytes(row[_DIGEST])]: [row] for row in rows}
        if len(known) < len(rows):
            _add_the_others(known, rows, digests)
        return known


def _add_the_others(
    known: Mapping[str, list[_Row]], rows: Iterable[_Row], digests: Mapping[bytes, str]
) -> None:
    """Of those with several consents, one row each is there already."""
    for row in rows:
        group = known[row[_KEY] or digests[bytes(row[_DIGEST])]]
        if group[0] is not row:
            group.append(row)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _fold(state: str, event: Any, *times: str | None) -> Fold:
    """The event stays text: it is passed through to the answer, which shows it as text."""
    return Fold(_STATES[state], event, *map(_time, times))

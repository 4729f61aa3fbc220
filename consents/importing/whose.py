"""Of rows that say whose an identity is: which can be written together, and which cannot.

Where the contact and the identity are both new, or belong together already, nothing else is
concerned. All else (somebody joins a contact, a stranger becomes one, two contacts want one
identity) concerns what the contact has said elsewhere, and is written by the general path, with
every row that could depend on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from consents.addressbook import AddressKey
from consents.batch.people import People
from consents.batch.prepared import NewContact, Prepared
from consents.importing.rows import Ready
from consents.models import Contact, Sender
from consents.models.base import new_id


class Split(NamedTuple):
    """`together`: statements for `consents.batch`. `apart`: rows for `ledger.record_many`."""

    together: list[Prepared]
    apart: list[Ready]


def split(sender: Sender, rows: Sequence[Ready], found: People) -> Split:
    if all(row.is_lone and row.names is None for row in rows):
        return Split([row.statement for row in rows], [])
    known = _contacts(sender, rows)
    new: dict[str, NewContact] = {}
    groups = _Groups()
    claims: dict[AddressKey, set[str]] = defaultdict(set)
    for row in rows:
        _join(groups, row, found, known)
        if row.names:
            claims[row.key].add(row.names.external_id)
    entangled = {
        groups.of(row.key)
        for row in rows
        if len(claims[row.key]) > 1 or _is_entangled(row, found, known)
    }
    together, apart = [], []
    for row in rows:
        if groups.of(row.key) in entangled:
            apart.append(row)
        else:
            together.append(_owned(row, known, new))
    return Split(together, apart)


def _contacts(sender: Sender, rows: Sequence[Ready]) -> Mapping[str, UUID]:
    ids = {row.names.external_id for row in rows if row.names}
    named = Contact.objects.filter(sender=sender, external_id__in=ids)
    return {str(external_id): id for external_id, id in named.values_list("external_id", "id")}


def _is_entangled(row: Ready, found: People, known: Mapping[str, UUID]) -> bool:
    if not row.is_lone:
        return True
    if row.names is None:
        return False
    identity = found.get(row.key)
    contact = known.get(row.names.external_id)
    return (identity.contact if identity else None) != contact


def _join(groups: _Groups, row: Ready, found: People, known: Mapping[str, UUID]) -> None:
    """What one row ties together: its identity, whose that is, and whose it is said to be."""
    if identity := found.get(row.key):
        groups.tie(row.key, identity.contact)
    if row.names:
        contact = known.get(row.names.external_id)
        groups.tie(row.key, contact or row.names.external_id)


def _owned(row: Ready, known: Mapping[str, UUID], new: dict[str, NewContact]) -> Prepared:
    if row.names is None or row.names.external_id in known:
        return row.statement
    contact = new.setdefault(row.names.external_id, NewContact(new_id(), *row.names))
    return row.statement._replace(contact=contact)


class _Groups:
    """What has been tied together, however indirectly."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def of(self, one: Hashable) -> Hashable:
        while (above := self._above.get(one, one)) != one:
            self._above[one] = self._above.get(above, above)
            one = above
        return one

    def tie(self, one: Hashable, other: Hashable) -> None:
        self._above[self.of(one)] = self.of(other)

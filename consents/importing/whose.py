"""Of rows that say whose an identity is: which cannot be written together with the others.

Where the contact and the identity are both new, or belong together already, nothing else is
concerned. All else (somebody joins a contact, a stranger becomes one, two contacts want one
identity) concerns what the contact has said elsewhere, and is written by the general path, with
every row that could depend on it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Final
from uuid import UUID

from django.db import connection

from consents.addressbook import AddressKey
from consents.batch import people
from consents.importing.rows import Ready
from consents.models import Contact, Sender

_IS_JOINED: Final = f"""
SELECT EXISTS (
    SELECT FROM staged_statement staged
    LEFT JOIN {people.KNOWN} ON true
    LEFT JOIN LATERAL (
        SELECT id FROM consents_contact contact
        WHERE sender_id = %(sender)s AND contact.external_id = staged.owner OFFSET 0
    ) AS contact ON true
    WHERE staged.owner IS NOT NULL AND known.contact_id IS DISTINCT FROM contact.id
)
"""
"""Whether a staged row gives an identity to a contact, and one of the two is known without."""

_IS_OVERTAKEN: Final = """
SELECT EXISTS (
    SELECT FROM staged_statement staged JOIN consents_contact contact
      ON contact.id = staged.contact_id
    WHERE NOT staged.is_made AND staged.owner IS NOT NULL
      AND staged.owner IS DISTINCT FROM contact.external_id
)
"""


def apart(sender: Sender, rows: Sequence[Ready]) -> Sequence[Ready]:
    """Of these rows, which are staged, those that `ledger.record_many` has to write."""
    if not rows or (_is_plain(rows) and not _says(_IS_JOINED, sender)):
        return []
    owners = people.contacts(sender)
    named = _contacts(sender, rows)
    claims = _claims(rows)
    groups = _Groups()
    for row in rows:
        _join(groups, row, owners, named)
    entangled = {
        groups.of(row.key)
        for row in rows
        if len(claims[row.key]) > 1 or _is_entangled(row, owners, named)
    }
    return [row for row in rows if groups.of(row.key) in entangled]


def is_overtaken(sender: Sender) -> bool:
    """Whether an identity, now that it is locked, is another's than its staged rows say.

    Somebody else made it, or gave it away, since `apart` was asked.
    """
    return _says(_IS_OVERTAKEN, sender)


def _says(question: str, sender: Sender) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, {"sender": sender.id})
        return bool(cursor.fetchone()[0])


def _is_plain(rows: Sequence[Ready]) -> bool:
    return all(row.is_lone for row in rows) and all(
        len(owners) < 2 for owners in _claims(rows).values()
    )


def _claims(rows: Sequence[Ready]) -> Mapping[AddressKey, set[str]]:
    """Whose each identity is said to be."""
    claims: dict[AddressKey, set[str]] = defaultdict(set)
    for row in rows:
        if row.names:
            claims[row.key].add(row.names.external_id)
    return claims


def _contacts(sender: Sender, rows: Sequence[Ready]) -> Mapping[str, UUID]:
    ids = {row.names.external_id for row in rows if row.names}
    named = Contact.objects.filter(sender=sender, external_id__in=ids)
    return {str(external_id): id for external_id, id in named.values_list("external_id", "id")}


def _is_entangled(row: Ready, owners: Mapping[int, UUID], named: Mapping[str, UUID]) -> bool:
    if not row.is_lone:
        return True
    if row.names is None:
        return False
    return owners.get(row.number) != named.get(row.names.external_id)


def _join(
    groups: _Groups, row: Ready, owners: Mapping[int, UUID], named: Mapping[str, UUID]
) -> None:
    """What one row ties together: its identity, whose that is, and whose it is said to be."""
    if owner := owners.get(row.number):
        groups.tie(row.key, owner)
    if row.names:
        external_id = row.names.external_id
        groups.tie(row.key, named.get(external_id) or external_id)


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

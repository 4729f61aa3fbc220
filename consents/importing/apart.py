"""Rows that concern more than their own identity, written by the ledger's general path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consents import ledger
from consents.entries import Entry
from consents.errors import ConsentError
from consents.importing.names import Names
from consents.importing.rows import Preparer, Ready
from consents.models import Contact, Sender


def record(preparer: Preparer, rows: Sequence[Ready]) -> Sequence[ledger.Recorded | ConsentError]:
    """A result for each row, in their order. In a transaction.

    A contact that is new has the names that its first row gives, and is made where something
    becomes theirs.
    """
    if not rows:
        return []
    sender = preparer.sender
    named = {row.names.external_id: row.names for row in reversed(rows) if row.names}
    new = [Contact(sender=sender, **named[key]._asdict()) for key in sorted(named)]
    Contact.objects.bulk_create(new, ignore_conflicts=True)
    contacts = _contacts(sender, named)
    results = ledger.record_many(sender, [_entry(preparer, row, contacts) for row in rows])
    Contact.objects.filter(id__in=[one.id for one in new], identities=None).delete()
    return results


def _contacts(sender: Sender, named: Mapping[str, Names]) -> dict[str | None, Contact]:
    found = Contact.objects.filter(sender=sender, external_id__in=named)
    return {contact.external_id: contact for contact in found}


def _entry(preparer: Preparer, row: Ready, contacts: Mapping[str | None, Contact]) -> Entry:
    entry = preparer.entry(row)
    if row.names is None:
        return entry
    return replace(entry, contact=contacts[row.names.external_id])

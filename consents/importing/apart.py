"""Rows that concern more than their own identity, written by the ledger's general path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from consents import ledger
from consents.entries import Entry
from consents.errors import ConsentError
from consents.importing.names import Names
from consents.importing.rows import Ready
from consents.models import Contact, Sender


def record(sender: Sender, rows: Sequence[Ready]) -> Sequence[ledger.Recorded | ConsentError]:
    """A result for each row, in their order. In a transaction.

    A contact that is new has the names that its first row gives, and is made where something
    becomes theirs.
    """
    if not rows:
        return []
    named = {row.names.external_id: row.names for row in reversed(rows) if row.names}
    new = [Contact(sender=sender, **named[key]._asdict()) for key in sorted(named)]
    Contact.objects.bulk_create(new, ignore_conflicts=True)
    contacts = _contacts(sender, named)
    results = ledger.record_many(sender, [_entry(row, contacts) for row in rows])
    Contact.objects.filter(id__in=[one.id for one in new], identities=None).delete()
    return results


def _contacts(sender: Sender, named: Mapping[str, Names]) -> dict[str | None, Contact]:
    found = Contact.objects.filter(sender=sender, external_id__in=named)
    return {contact.external_id: contact for contact in found}


def _entry(row: Ready, contacts: Mapping[str | None, Contact]) -> Entry:
    if row.names is None:
        return row.entry
    return replace(row.entry, contact=contacts[row.names.external_id])

"""Which person a command is about: a contact by its name, or whoever has an address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser

from consents import addressbook, entries, identifiers
from consents.models import Contact, Sender


def add_arguments(parser: CommandParser) -> None:
    """`--contact` or `--identity`; the command has a `--channel` of its own."""
    whom = parser.add_mutually_exclusive_group(required=True)
    whom.add_argument("--contact", help="The id of a contact, or your external_id of it.")
    whom.add_argument("--identity", help="An address of the person, on the channel named.")


def named(sender: Sender, options: Mapping[str, Any]) -> Contact:
    """Raises CommandError where nobody is known by this, ConsentError for what is no address."""
    if options["identity"] is None:
        found = _called(sender, options["contact"])
    else:
        found = _at(sender, options["channel"], options["identity"])
    if found is None:
        raise CommandError("The sender has no such contact.")
    return found


def _called(sender: Sender, name: str) -> Contact | None:
    contacts = Contact.objects.filter(sender=sender)
    try:
        by_id = contacts.filter(id=UUID(name)).first()
    except ValueError:
        by_id = None
    return by_id or contacts.filter(external_id=name).first()


def _at(sender: Sender, channel: str, text: str) -> Contact | None:
    address = identifiers.normalise(entries.channel(channel), text)
    found = addressbook.find(sender, [address]).values()
    return next((identity.contact for identity in found), None)

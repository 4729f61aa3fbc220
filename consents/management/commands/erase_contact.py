"""Forgets a person, and says what is kept and why."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any, Final
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consents import addressbook, entries, erasure, identifiers
from consents.counting import counted
from consents.errors import ConsentError
from consents.ledger import the_sender
from consents.models import Contact, Sender
from consents.vocabulary import Channel

ACTOR: Final = "erase_contact"


class Command(BaseCommand):
    help = (
        "Erases a person: opts them out of everything, takes out all that is personal, and goes on "
        "recognising them by a hash. Without --apply it only says whom it would be about."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--sender", default="default", help="The sender's key.")
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--contact", type=_id, help="The contact's id.")
        whom.add_argument("--external-id", help="The CRM's id for them.")
        whom.add_argument("--identity", help="An address of theirs, on the --channel.")
        parser.add_argument(
            "--channel", type=str.upper, default=Channel.WHATSAPP.value, choices=list(Channel)
        )
        parser.add_argument("--apply", action="store_true", help="Do it. It cannot be undone.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            contact = _found(the_sender(options["sender"]), options)
            self._erase(contact, is_meant=options["apply"])
        except ConsentError as error:
            raise CommandError(error.message) from None

    def _erase(self, contact: Contact, *, is_meant: bool) -> None:
        addresses = counted(contact.identities.count(), "address", "addresses")
        if not is_meant:
            self.stdout.write(f"Contact {contact.id} with {addresses}. --apply erases it.")
            return
        report = erasure.erase(contact, actor=ACTOR)
        self.stdout.write(f"Contact {contact.id} is erased.")
        for kept in report.kept:
            self.stdout.write(f"Kept: {kept.count} {kept.what}. {kept.why}")
        if report.erasure.finished_at is None:
            self.stdout.write("The sweep takes the address when nobody is owed word any more.")


def _found(sender: Sender, options: dict[str, Any]) -> Contact:
    contacts = Contact.objects.filter(sender=sender)
    if options["identity"]:
        address = identifiers.normalise(entries.channel(options["channel"]), options["identity"])
        found = next(iter(addressbook.find(sender, [address]).values()), None)
        contact = found.contact if found else None
    elif options["external_id"]:
        contact = contacts.filter(external_id=options["external_id"]).first()
    else:
        contact = contacts.filter(id=options["contact"]).first()
    if contact is None:
        raise CommandError("The sender has no such contact.")
    return contact


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ArgumentTypeError("this must be a UUID") from None

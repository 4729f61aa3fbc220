"""Finds people by what staff type: a number written any way, an e-mail address, a CRM's id."""

from __future__ import annotations

from uuid import UUID

from consents import addressbook
from consents.models import ChannelIdentity, Sender


def identities_named(text: str) -> list[ChannelIdentity]:
    """The identities that this text, taken whole, is an address of; erased ones too."""
    return [one for sender in Sender.objects.all() for one in addressbook.named(sender, text)]


def identities_of(text: str) -> list[UUID]:
    """The ids of identities named by address, or belonging to the contact with this CRM's id."""
    found = [identity.id for identity in identities_named(text)]
    if "\0" in text:
        return found
    by_contact = ChannelIdentity.objects.filter(contact__external_id=text.strip())
    return found or list(by_contact.values_list("id", flat=True))

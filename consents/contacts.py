"""Makes contacts and changes what their sender calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from consents import addressbook, ledger
from consents.addressbook import key_of
from consents.errors import ConsentError
from consents.identifiers import Address
from consents.models import ChannelIdentity, Contact, Sender
from consents.purposes import PurposeTree
from consents.reach import Reach
from consents.writing import Page

NAMES: Final = ("external_id", "display_name", "language")
_REQUIRED: Final = ("id", "sender", "created_at")


def create(
    sender: Sender, names: Mapping[str, str | None], addresses: Iterable[Address] = ()
) -> Contact:
    """A new contact with these identities.

    Raises ConsentError `external_id_taken`; `identity_conflict` when an address is somebody's
    already; `invalid_…` for a name that cannot be.
    """
    return ledger.once_more_on_deadlock(lambda: _create(sender, names, addresses))


def change(contact: Contact, names: Mapping[str, str | None]) -> Contact:
    """Change some of external_id, display_name and language. Raises ConsentError as `create`.

    Who was erased, and has not come back, is not named again: `erased`.
    """
    return ledger.once_more_on_deadlock(lambda: _change(contact, names))


def attach(contact: Contact, address: Address) -> ChannelIdentity:
    """The identity of this address, which belongs to the contact where it is new.

    A new one takes over the contact's own opt-outs. One that is somebody's already stays theirs:
    the caller looks whose it is.
    """
    return ledger.once_more_on_deadlock(lambda: _attach(contact, address))


def _attach(contact: Contact, address: Address) -> ChannelIdentity:
    page = Page(contact.sender, PurposeTree.load())
    reach = Reach(page)
    identity = reach.join(address, contact)
    for line in reach.inherited():
        page.add(line)
    page.write()
    return identity


def _create(
    sender: Sender, names: Mapping[str, str | None], addresses: Iterable[Address]
) -> Contact:
    contact = _saved(Contact(sender=sender), names)
    wanted = dict.fromkeys(addresses, contact)
    found = addressbook.find_or_create(sender, wanted)
    for address in wanted:
        if found.identities[key_of(address)].contact_id != contact.id:
            message = "An identity belongs to another contact."
            raise ConsentError("identity_conflict", message, "identities")
    return contact


def _change(contact: Contact, names: Mapping[str, str | None]) -> Contact:
    locked = Contact.objects.select_for_update(no_key=True).get(id=contact.id)
    if addressbook.erased_contacts([contact.id]):
        raise ConsentError("erased", "This person was erased and is not named again.")
    return _saved(locked, names)


def _saved(contact: Contact, names: Mapping[str, str | None]) -> Contact:
    for name, value in names.items():
        setattr(contact, name, value)
    try:
        contact.clean_fields(exclude=_REQUIRED)
        with transaction.atomic():
            contact.save()
    except ValidationError as invalid:
        field = next(iter(invalid.message_dict))
        message = " ".join(invalid.message_dict[field])
        raise ConsentError(f"invalid_{field}", message, field) from None
    except IntegrityError as error:
        if getattr(error, "constraint_name", None) != "contact_external_id_unique":
            raise
        message = "Another contact of this sender has this external_id."
        raise ConsentError("external_id_taken", message, "external_id") from None
    return contact


def named(sender: Sender, text: str) -> list[Contact]:
    """The contacts that this text names: whose address it is, else who has it as the CRM's id."""
    owners = {one.contact_id for one in addressbook.named(sender, text)}
    if owners:
        return list(Contact.objects.filter(id__in=owners))
    return list(Contact.objects.filter(sender=sender, external_id=text.strip()))

"""Identities found or made for many statements at once."""

from __future__ import annotations

import pytest
from django.db import transaction

from consents import entries
from consents.addressbook import key_of
from consents.batch import people
from consents.batch.prepared import NewContact, Prepared, prepare
from consents.models import ChannelIdentity, Contact, Sender
from consents.models.base import new_id
from consents.purposes import PurposeTree
from consents.writing import database_clock
from tests.consents.factories import entry

SPELLINGS = ("5215512345678", "525512345678")


def statement(sender: Sender, spelling: str, contact: NewContact | None) -> Prepared:
    said = entry(identity=spelling, origin="import")
    draft = entries.check(said, sender, PurposeTree.load(), database_clock(), is_single=False)
    return prepare(draft, contact)


@pytest.mark.parametrize("names_at", [(0, 1), (1,), (0,)], ids=["both", "second", "first"])
def test_the_first_spelling_is_kept_and_the_first_contact_named(
    sender: Sender, names_at: tuple[int, ...]
) -> None:
    named = {at: NewContact(new_id(), f"crm-{at}") for at in names_at}
    said = [statement(sender, spelling, named.get(at)) for at, spelling in enumerate(SPELLINGS)]
    found: people.People = {}
    with transaction.atomic():
        [made] = people.make(sender, said, found)
    identity = ChannelIdentity.objects.get()
    assert (identity.id, identity.address) == (made, SPELLINGS[0])
    assert identity.contact == Contact.objects.get(external_id=f"crm-{names_at[0]}")
    assert found == {key_of(said[0].address): people.Known(made, identity.contact_id, SPELLINGS[0])}

"""Identities found or made for many statements at once."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from consents import entries
from consents.batch import people, staging
from consents.batch.prepared import NewContact, Prepared, prepare
from consents.commitments import commit_to_address
from consents.models import ChannelIdentity, Contact, Sender
from consents.models.base import new_id_text
from consents.notices import Notices
from consents.purposes import PurposeTree
from consents.writing import database_clock
from tests.consents.factories import entry

SPELLINGS = ("5215512345678", "525512345678")


def statement(sender: Sender, spelling: str, contact: NewContact | None = None) -> Prepared:
    said = entry(identity=spelling, origin="import")
    known = (PurposeTree.load(), Notices())
    draft = entries.check(said, sender, *known, database_clock(), is_single=False)
    return prepare(draft, contact)


def settled(sender: Sender, said: list[Prepared]) -> list[tuple[object, ...]]:
    """Identity, whether it was made, and address of each statement, as they are staged then."""
    with transaction.atomic(), connection.cursor() as cursor:
        staged = staging.encoded(enumerate(said))
        staging.stage(staged)
        people.settle(sender, staged.people)
        cursor.execute("SELECT identity_id, is_made, address FROM staged_statement ORDER BY n")
        rows: list[tuple[object, ...]] = cursor.fetchall()
    return rows


@pytest.mark.parametrize("names_at", [(0, 1), (1,), (0,)], ids=["both", "second", "first"])
def test_the_first_spelling_is_kept_and_the_first_contact_named(
    sender: Sender, names_at: tuple[int, ...]
) -> None:
    named = {at: NewContact(new_id_text(), f"crm-{at}") for at in names_at}
    said = [statement(sender, spelling, named.get(at)) for at, spelling in enumerate(SPELLINGS)]
    rows = settled(sender, said)
    identity = ChannelIdentity.objects.get()
    assert rows == [(identity.id, True, SPELLINGS[0])] * 2
    assert identity.address == SPELLINGS[0]
    assert identity.contact == Contact.objects.get(external_id=f"crm-{names_at[0]}")


def test_those_who_are_known_are_found_beside_those_who_are_made(sender: Sender) -> None:
    settled(sender, [statement(sender, SPELLINGS[1])])
    rows = settled(sender, [statement(sender, SPELLINGS[0]), statement(sender, "46732001122")])
    known, made = ChannelIdentity.objects.order_by("created_at")
    assert rows == [(known.id, False, SPELLINGS[1]), (made.id, True, "46732001122")]
    assert Contact.objects.count() == 2


def test_what_is_said_of_another_spelling_has_to_be_committed_to_as_it_is_kept(
    sender: Sender,
) -> None:
    settled(sender, [statement(sender, SPELLINGS[1])])
    said = statement(sender, SPELLINGS[0])
    with transaction.atomic():
        staging.stage(staging.encoded([(7, said)]))
        [respelled] = people.settle(sender, 1)
    kept = commit_to_address(said.address_salt, "WHATSAPP", SPELLINGS[1])
    assert (respelled.n, respelled.commitment) == (7, kept)

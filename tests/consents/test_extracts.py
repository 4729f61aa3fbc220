"""Lists as rows."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from consents import extracts
from consents.extracts import Extract
from consents.models import ConsentEvent, Contact, Sender
from tests.consents.factories import (
    NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    british_number,
)


def rows(extract: Extract, listed: Any) -> list[dict[str, Any]]:
    return [dict(zip(extract.header, cells, strict=True)) for cells in extract.rows(listed)]


def test_a_contact_has_a_row_for_each_address(person: Contact) -> None:
    found = rows(extracts.CONTACTS, Contact.objects.all())
    assert sorted((row["channel"], row["identity"]) for row in found) == sorted(
        person.identities.values_list("channel", "address")
    )
    assert {row["external_id"] for row in found} == {person.external_id}


def test_a_contact_without_an_address_has_a_row_too(sender: Sender) -> None:
    ContactFactory(display_name="Astrid")
    [row] = rows(extracts.CONTACTS, Contact.objects.all())
    assert (row["display_name"], row["channel"], row["identity"]) == ("Astrid", None, None)


def test_what_the_listed_contacts_said_and_nobody_else(person: Contact) -> None:
    OptOutFactory(identity=british_number(1))
    found = rows(extracts.CONSENTS, Contact.objects.filter(id=person.id))
    assert {row["state"] for row in found} == {"opted_in"}
    assert len(found) == 3


def test_lines_come_in_the_order_of_the_list(sender: Sender) -> None:
    opt_in, opt_out = OptInFactory(), OptOutFactory()
    found = rows(extracts.LINES, ConsentEvent.objects.order_by("-seq"))
    assert [row["event"] for row in found] == [str(opt_out.id), str(opt_in.id)]
    assert (found[0]["identity"], found[0]["action"]) == (NUMBER, "opt_out")


def test_more_rows_take_no_more_queries(sender: Sender) -> None:
    for extract, table in (
        *((extracts.CONTACTS, Contact), (extracts.CONSENTS, Contact)),
        (extracts.LINES, ConsentEvent),
    ):
        OptInFactory(identity=british_number(1))
        with CaptureQueriesContext(connection) as few:
            rows(extract, table.objects.all())
        for at in range(9):
            OptInFactory(identity=british_number(at))
        with CaptureQueriesContext(connection) as many:
            rows(extract, table.objects.all())
        assert len(many) == len(few)


def test_cells_that_a_spreadsheet_would_run_are_made_safe() -> None:
    assert list(extracts.safe(iter([("=1", None, 7, "+46 73")]))) == [["'=1", None, 7, "+46 73"]]

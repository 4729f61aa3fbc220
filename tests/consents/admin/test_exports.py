"""Lists taken out of the admin."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.db import OperationalError
from django.urls import reverse

from consents import extracts
from consents.admin import exports
from consents.models import ChannelIdentity, Contact, StaffAction
from consents.vocabulary import Deed
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
)

pytestmark = pytest.mark.django_db
CONTACTS, LEDGER = "contact", "consentevent"


def listed(model: str) -> str:
    return reverse(f"admin:consents_{model}_changelist")


def export(client, model, query="", **chosen):
    what = "contacts" if model == CONTACTS else "ledger"
    url = reverse(f"admin:consents_{model}_export")
    return client.post(f"{url}{query}", {"what": what, "format": "csv", **chosen})


def rows(answer):
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def notes():
    done = StaffAction.objects.filter(deed=Deed.EXPORTED.value).order_by("pk")
    return list(done.values_list("text", flat=True))


def test_a_list_is_exported_as_it_is_filtered(desk, sender):
    OptInFactory()
    OptOutFactory(identity=OTHER_NUMBER)
    OptInFactory(channel="SMS")
    assert {row["identity"] for row in rows(export(desk, CONTACTS))} == {NUMBER, OTHER_NUMBER}
    found = rows(export(desk, CONTACTS, "?state=opted_out"))
    assert [row["identity"] for row in found] == [OTHER_NUMBER]
    found = rows(export(desk, LEDGER, "?action=opt_in&channel=SMS"))
    assert [(row["channel"], row["action"]) for row in found] == [("SMS", "opt_in")]


def test_a_search_is_part_of_what_is_listed(desk, sender):
    OptInFactory()
    OptInFactory(identity=OTHER_NUMBER)
    for model in (CONTACTS, LEDGER):
        found = rows(export(desk, model, f"?q={OTHER_NUMBER}&p=3"))
        assert [row["identity"] for row in found] == [OTHER_NUMBER]


def test_all_pages_of_a_list_are_exported(desk, sender, monkeypatch):
    monkeypatch.setattr(extracts, "_CHUNK", 2)
    for at in range(60):
        ContactFactory(external_id=f"crm-{at}")
    assert len(rows(export(desk, CONTACTS))) == 60


def test_what_contacts_said_is_exported_as_lines_of_json(desk, person):
    answer = export(desk, CONTACTS, what="consents", format="ndjson")
    assert answer["Content-Type"] == "application/x-ndjson"
    assert answer["Content-Disposition"].startswith('attachment; filename="consents-')
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    assert {line["state"] for line in lines} == {"opted_in"}
    assert len(lines) == 3


def test_a_name_is_no_formula(desk, sender):
    ContactFactory(display_name="=HYPERLINK(1)")
    assert [row["display_name"] for row in rows(export(desk, CONTACTS))] == ["'=HYPERLINK(1)"]


def test_an_erased_address_is_empty(desk, sender):
    OptInFactory()
    ChannelIdentity.objects.update(address=None, lookup_key=None)
    for model in (CONTACTS, LEDGER):
        assert [row["identity"] for row in rows(export(desk, model))] == [""]


def test_who_exported_what_is_written_down_without_whom_they_looked_for(desk, officer, sender):
    OptInFactory()
    rows(export(desk, CONTACTS, f"?channel=WHATSAPP&q={NUMBER}"))
    title = "Contacts, a row for each address"
    assert notes() == [
        f"Export begun: {title}; filtered by channel=WHATSAPP, a search; csv",
        f"Exported 1 rows: {title}; filtered by channel=WHATSAPP, a search; csv",
    ]
    done = StaffAction.objects.filter(deed=Deed.EXPORTED.value)
    assert {one.actor for one in done} == {f"staff:{officer.pk}"}


@pytest.mark.parametrize("what", ["contacts", "consents"])
def test_an_export_that_nobody_reads_to_its_end_says_so(desk, person, monkeypatch, what):
    monkeypatch.setattr(exports, "_PIECE", 1)
    answer = export(desk, CONTACTS, what=what, format="ndjson")
    next(answer._iterator)
    # What the server does when the browser is gone, but for the connection that tests keep.
    for close in answer._resource_closers:
        close()
    assert notes()[-1].startswith("Export broken off after 1 rows")


def test_an_export_that_breaks_off_says_so_in_its_last_row(desk, sender, monkeypatch):
    def broken(listed):
        yield ["1"] * len(extracts.LINES.header)
        raise OperationalError("gone")

    monkeypatch.setattr(
        "consents.admin.ledger.ConsentEventAdmin.extracts",
        {"ledger": extracts.Extract("Lines", extracts.LINES.header, broken)},
    )
    [_, last] = rows(export(desk, LEDGER))
    assert last["seq"].startswith("The export broke off here")
    assert notes()[-1] == "Export broken off after 1 rows: Lines; all of them; csv"
    content = b"".join(export(desk, LEDGER, format="ndjson").streaming_content)
    assert "#error" in json.loads(content.splitlines()[-1])


def test_nothing_is_sent_before_somebody_has_chosen(desk, sender):
    url = reverse("admin:consents_contact_export")
    assert "0 rows, all of them" in desk.get(url).content.decode()
    for chosen in ({"what": "everything"}, {"format": "xlsx"}, {"what": "ledger"}):
        assert export(desk, CONTACTS, **chosen).status_code == 200
    assert notes() == []


def test_the_link_carries_the_filters_along(desk, sender):
    page = desk.get(f"{listed(CONTACTS)}?state=opted_out&channel=SMS").content.decode()
    url = reverse("admin:consents_contact_export")
    assert f"{url}?state=opted_out&amp;channel=SMS" in page


def test_filters_that_there_are_not_export_nothing(desk, sender):
    answer = export(desk, LEDGER, "?purpose__id__exact=nonsense")
    assert answer["Location"] == f"{listed(LEDGER)}?e=1"
    assert notes() == []


@pytest.mark.parametrize("model", [CONTACTS, LEDGER])
def test_who_may_see_a_list_may_not_yet_take_it_out(desk_with, person, model):
    for permissions in ([f"view_{model}"], ["export_contact"], []):
        client = desk_with(*permissions)
        assert export(client, model).status_code == 403
        assert client.get(reverse(f"admin:consents_{model}_export")).status_code == 403
    both = desk_with(f"view_{model}", "export_contact")
    assert len(rows(export(both, model))) == 3
    assert "export" in both.get(listed(model)).content.decode()


def test_nobody_is_offered_what_they_may_not_do(desk_with, sender):
    page = desk_with("view_contact").get(listed(CONTACTS)).content.decode()
    assert reverse("admin:consents_contact_export") not in page


def test_contacts_stay_as_they_were(desk, person):
    before = list(Contact.objects.values())
    rows(export(desk, CONTACTS))
    assert list(Contact.objects.values()) == before

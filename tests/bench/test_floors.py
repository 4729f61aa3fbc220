"""The floors do the work that they are floors of."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from bench.models import Line
from consents import gate
from consents.models import ApiKey, ConsentEvent, Purpose, Sender
from tests.consents.conftest import sender as sender
from tests.consents.factories import NUMBER, OptInFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("floors")]


@pytest.fixture
def floors():
    with override_settings(ROOT_URLCONF="bench.urls"):
        yield


@pytest.fixture
def key(sender: Sender) -> str:
    key, text = ApiKey.issue("bench", ["check"])
    key.save()
    key.senders.add(sender)
    return text


def test_the_floor_of_the_gate_reads_the_line_that_the_gate_decides_by(key, sender):
    OptInFactory(identity=NUMBER)
    answer = Client().get(
        "/api/floor/permission/", {"identity": NUMBER}, headers={"Authorization": f"Bearer {key}"}
    )
    [facts] = answer.json()["facts"]
    assert str(gate.check(sender, "WHATSAPP", NUMBER).event) in facts


def test_the_floor_of_recording_writes_a_line(sender):
    known = OptInFactory(identity=NUMBER)
    line = {
        "sender_id": str(sender.id),
        "identity_id": str(known.identity_id),
        "purpose_id": str(Purpose.objects.get(key="all").id),
        "action": "opt_in",
        "source": "WEB",
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    answer = Client().post("/api/floor/lines/", line, content_type="application/json")
    assert answer.status_code == 201
    written = ConsentEvent.objects.get(id=answer.json()["id"])
    assert (written.identity_id, written.action) == (known.identity_id, "opt_in")


def test_the_bare_line_has_every_column_of_the_ledger():
    columns = {field.column for field in ConsentEvent._meta.concrete_fields}
    assert {field.column for field in Line._meta.concrete_fields} == columns - {"cause_id"}


def test_the_products_own_doors_are_served_beside_them():
    assert Client().get("/api/v1/permission/").status_code == 401

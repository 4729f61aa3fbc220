"""The OpenAPI schema and its page: complete, local, and true to the answers."""

import json
import re

import pytest
from django.core.management import call_command
from django.test import Client

from consents.api import schema
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import NUMBER

PATHS = {
    *("consent-events/", "consent-events/bulk/", "consent-events/{id}/"),
    *("permission/", "permissions/", "permission/confirmation/", "inbound-messages/"),
    *("contacts/", "contacts/{id}/", "contacts/{id}/timeline/"),
    *("provider-syncs/", "provider-syncs/{id}/", "provider-syncs/{id}/retry/"),
}


def test_the_schema_is_valid_and_without_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema"))


def test_the_schema_names_every_door():
    answer = Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    document = json.loads(answer.content)
    assert {path.removeprefix("/api/v1/") for path in document["paths"]} >= PATHS
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{"key": []}]
            assert "default" in operation["responses"]


def test_the_docs_page_loads_nothing_from_elsewhere():
    page = Client().get("/api/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert sources
    assert all(source.startswith("/") for source in sources)
    assert "<script>" not in text


def test_only_the_docs_page_may_style_inline(db):
    policy = "Content-Security-Policy"
    assert "'unsafe-inline'" in Client().get("/api/docs/").headers[policy]
    assert "'unsafe-inline'" not in Client().get("/api/v1/contacts/").headers[policy]


@pytest.mark.django_db
def test_answers_have_the_fields_that_the_schema_shows(api):
    def fields(shape):
        return set(shape._declared_fields)

    event = api.post("consent-events/", OPT_IN).json()
    assert set(event) == fields(schema.EventBody)
    assert set(api.get(f"consent-events/{event['id']}/").json()) == fields(schema.EventWithDetail)
    asked = {"channel": "WHATSAPP", "identity": NUMBER}
    assert set(api.get("permission/", **asked).json()) == fields(schema.PermissionBody)
    many = api.post("permissions/", {"channel": "WHATSAPP", "identities": [NUMBER]}).json()
    assert set(many) == fields(schema.PermissionsBody)
    assert set(many["results"][0]) == fields(schema.PermissionsItem)
    message = api.post("inbound-messages/", {**asked, "message_id": "m1"}).json()
    assert set(message) == fields(schema.MessageBody)
    contact = api.get(f"contacts/{event['contact']}/").json()
    assert set(contact) == fields(schema.ContactBody)
    assert set(contact["identities"][0]) == fields(schema.IdentityBody)
    timeline = api.get(f"contacts/{event['contact']}/timeline/").json()
    assert set(timeline["results"][0]) == fields(schema.MomentBody)
    bulk = api.post("consent-events/bulk/", {"events": [OPT_IN, {}]}).json()["results"]
    assert set(bulk[0]) | set(bulk[1]) | {"events"} == fields(schema.BulkItem)

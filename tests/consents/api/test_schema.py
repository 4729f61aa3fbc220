"""The OpenAPI schema and its page: complete, local, and true to the answers."""

import json
import re
import sys

import pytest
from django.core.management import call_command
from django.test import Client

from consents.api import contact_shapes, schema
from consents.api.shapes import NOT_BLANK
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import NUMBER

QUESTIONS = {"/api/v1/permissions/", "/api/v1/audiences/check/"}
REFUSALS_OF_EVERY_DOOR = {"400", "401", "403", "429", "503"}


@pytest.fixture(scope="module")
def document():
    answer = Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    return json.loads(answer.content)


def test_the_schema_is_valid_and_without_warnings(tmp_path):
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "schema"))


def test_the_schema_is_of_openapi_3_1(document):
    assert document["openapi"] == "3.1.0"


def test_every_operation_says_who_may_call_and_how_it_refuses(document):
    for operations in document["paths"].values():
        for operation in operations.values():
            assert operation["security"] == [{"key": []}]
            assert operation["responses"].keys() >= REFUSALS_OF_EVERY_DOOR


def test_requests_are_closed_and_answers_may_grow(document):
    """Whoever sends a misspelt field is told; whoever reads must not mind a new one."""
    shapes = document["components"]["schemas"]
    closed = {name for name, shape in shapes.items() if "additionalProperties" in shape}
    sent = {name for name in shapes if name.endswith(("Request", "Change"))} | {"EventItem"}
    assert closed == sent


def test_every_write_takes_an_idempotency_key_and_no_question_does(document):
    taking = {
        (method, path)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if "Idempotency-Key" in {one["name"] for one in operation.get("parameters", ())}
    }
    writes = {
        (method, path)
        for path, operations in document["paths"].items()
        for method in operations
        if method != "get" and path not in QUESTIONS
    }
    assert taking == writes


def test_what_many_operations_have_in_common_is_told_once(document):
    refused = {
        json.dumps(response, sort_keys=True)
        for operations in document["paths"].values()
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status in REFUSALS_OF_EVERY_DOOR - {"400"}
    }
    assert len(refused) == 4


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
    assert set(contact) == fields(contact_shapes.ContactBody)
    assert set(contact["identities"][0]) == fields(contact_shapes.IdentityBody)
    timeline = api.get(f"contacts/{event['contact']}/timeline/").json()
    assert set(timeline["results"][0]) == fields(contact_shapes.MomentBody)
    bulk = api.post("consent-events/bulk/", {"events": [OPT_IN, {}]}).json()["results"]
    assert set(bulk[0]) | set(bulk[1]) | {"events"} == fields(schema.BulkItem)


def test_what_the_schema_calls_blank_is_what_is_refused_as_blank():
    says_something = re.compile(NOT_BLANK)
    for number in range(1, sys.maxunicode + 1):
        character = chr(number)
        is_blank = not character.strip()
        assert (says_something.search(character) is None) == is_blank

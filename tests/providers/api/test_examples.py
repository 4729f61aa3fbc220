"""The examples that the schema shows are true: they can be sent, and are answered like that."""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
from django.test import Client

from consents import sealing, timestamps
from consents.api.examples import NUMBER, SPOKEN_AT
from providers.models import ProviderSync, SyncAttempt, WebhookDelivery
from tests.consents.api.caller import Caller
from tests.consents.factories import (
    NoticeFactory,
    RequestFactory,
    StopFactory,
    confirmed_within,
)

OPERATIONS = [
    *("record", "list_events", "record_many", "read_event", "confirm"),
    *("read_proof", "read_receipt"),
    *("check", "check_many", "check_audience", "claim_confirmation", "receive_message"),
    *("list_contacts", "create_contact", "read_contact", "change_contact", "read_timeline"),
    "make_preference_link",
    *("list_notices", "publish_notice", "read_notice"),
    *("export_contact", "erase_contact"),
    *("list_syncs", "read_sync", "retry_sync"),
    *("list_webhook_endpoints", "create_webhook_endpoint", "read_webhook_endpoint"),
    *("change_webhook_endpoint", "delete_webhook_endpoint", "rotate_webhook_secret"),
    *("test_webhook_endpoint", "redeliver_webhooks_since"),
    *("list_webhook_deliveries", "read_webhook_delivery", "redeliver_webhook"),
]


@cache
def document() -> dict[str, Any]:
    answer = Client().get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    return json.loads(answer.content)


def resolved(one: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in one:
        return one
    _, *names = one["$ref"].split("/")
    found = document()
    for name in names:
        found = found[name]
    return found


def operations() -> dict[str, dict[str, Any]]:
    """Every operation by its id, with its method and path."""
    return {
        operation["operationId"]: {**operation, "method": method, "path": path}
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


CSV = "text/csv"


def content(of: dict[str, Any]) -> dict[str, Any]:
    kinds = of.get("content", {})
    return kinds.get("application/json") or kinds.get(CSV, {})


def values(of: dict[str, Any]) -> list[Any]:
    return [example["value"] for example in content(of).get("examples", {}).values()]


def check(value: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": document()["components"]}
    validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
    validator.validate(value)


def shape(value: Any) -> Any:
    """The names in a value, at every depth; of a list those of its first element."""
    if isinstance(value, dict) and "kind" in value and "data" in value:
        return {**dict.fromkeys(value), "data": "differs by kind"}
    if isinstance(value, dict) and "held" in value:
        return {**dict.fromkeys(value), "held": "differs by what is known"}
    if isinstance(value, dict):
        return {name: shape(one) for name, one in value.items()}
    if isinstance(value, str) and "\n" in value:
        return value.splitlines()[0]
    return [shape(value[0])] if isinstance(value, list) and value else None


def test_every_operation_shows_what_is_sent_and_answered():
    for name, operation in operations().items():
        if "requestBody" in operation:
            assert values(operation["requestBody"]), name
        for status, response in operation["responses"].items():
            if status != "204":
                assert values(resolved(response)), (name, status)


def test_every_example_is_valid_by_the_schema_it_illustrates():
    for operation in operations().values():
        described = [operation.get("requestBody", {}), *operation["responses"].values()]
        for one in map(resolved, described):
            for value in values(one):
                check(value, content(one)["schema"])


def test_every_operation_says_what_it_is_for():
    for name, operation in operations().items():
        assert operation["summary"], name
        assert not operation["summary"].endswith("."), name
        assert operation["description"], name
        known = {tag["name"] for tag in document()["tags"]}
        assert set(operation["tags"]) <= known, name
        for response in operation["responses"].values():
            assert resolved(response)["description"], name


QUERIES = {"check": {"channel": "WHATSAPP", "identity": NUMBER, "purpose": "marketing"}}


def people_the_world(api: Caller, make_account: Any) -> dict[str, str]:
    """What the examples speak of: the ids that their paths name, by the first part of the path."""
    make_account()
    subscription = {"url": "https://shop.example.com/other", "triggers": ["CONSENT_CHANGED"]}
    endpoint = api.post("webhook-endpoints/", subscription).json()
    contact = api.post("contacts/", {"external_id": "crm-1"}).json()
    notice = NoticeFactory(key="checkout-banner", version="2026-01")
    said = {**values(operations()["record"]["requestBody"])[0], "contact": "crm-1"}
    event = api.post("consent-events/", said).json()
    list(sealing.seal())
    sync = ProviderSync.objects.get()
    SyncAttempt.objects.create(
        sync=sync, call=uuid4(), started_at=sync.created_at, elapsed_ms=194, result="succeeded"
    )
    return {
        "consent-events": event["id"],
        "contacts": contact["id"],
        "notices": str(notice.id),
        "provider-syncs": str(sync.id),
        "webhook-endpoints": endpoint["id"],
        "webhook-deliveries": str(WebhookDelivery.objects.get().id),
    }


@pytest.mark.django_db
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_example_is_answered_as_it_says(api, make_account, name):
    operation = operations()[name]
    # What the example is to make must not be there before.
    is_made = name in ("create_contact", "publish_notice")
    ids = {} if is_made else people_the_world(api, make_account)
    if name == "claim_confirmation":
        StopFactory(identity=NUMBER)
    if name == "confirm":
        confirmed_within(48)
        asked = RequestFactory(occurred_at=timestamps.read(SPOKEN_AT))
        ids["consent-events"] = str(asked.id)
    kind, _, rest = operation["path"].removeprefix("/api/v1/").partition("/")
    path = f"{kind}/{rest}".replace("{id}", ids.get(kind, ""))
    status = max(status for status in operation["responses"] if status < "300")
    described = operation["responses"][status]
    for index, body in enumerate(values(operation.get("requestBody", {})) or [None]):
        if operation["method"] == "get":
            answer = api.get(path, **QUERIES.get(name, {}))
        elif isinstance(body, str):
            path += "?channel=WHATSAPP&purpose=marketing"
            answer = api.send(operation["method"], path, body.encode(), Content_Type=CSV)
        else:
            answer = api.send(operation["method"], path, body)
        assert answer.status_code == int(status), answer.content
        if said := answer.getvalue():
            said = said.decode() if isinstance(body, str) else json.loads(said)
            check(said, content(described)["schema"])
            assert index or shape(said) == shape(values(described)[0])


def test_these_are_all_operations_there_are():
    assert set(OPERATIONS) == set(operations())

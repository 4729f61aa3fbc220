"""What the schema shows of refusals is what the doors say, word for word."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from consents import legal_holds
from consents.api import errors, notice_shapes, operations, refusals
from consents.idempotency import OutcomeUnknown
from providers.api import examples as provider_examples
from tests.consents.api.caller import issue
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    RequestFactory,
    StopFactory,
    ago,
    confirmed_within,
)

pytestmark = pytest.mark.django_db

ENDPOINT = {"url": "https://subscriber.example/hooks", "triggers": ["OPT_OUT"]}
ASKED = {"channel": "WHATSAPP", "identity": NUMBER}
NOTICE = {"key": "banner", "version": "1", "language": "en", "text": "Another"}
NOTICES = {"publish_notice": notice_shapes.PUBLISH}


def shown():
    """Every refusal that the schema shows: of any door, and of one operation alone."""
    usual = [("any", status, one) for status, several in refusals.USUAL.items() for one in several]
    own = [
        (operation, status, one)
        for operation, example in {**operations.EXAMPLES, **provider_examples.OF, **NOTICES}.items()
        for status, several in example.refusals.items()
        for one in several
    ]
    return {(where, one.code): (status, one) for where, status, one in [*usual, *own]}


def of_another_body(api):
    api.post("contacts/", {}, Idempotency_Key="k")
    return api.post("contacts/", {"display_name": "Ada"}, Idempotency_Key="k")


def of_what_is_deleted(api):
    made = api.post("webhook-endpoints/", ENDPOINT, Idempotency_Key="k").json()
    api.send("delete", f"webhook-endpoints/{made['id']}/")
    return api.post("webhook-endpoints/", ENDPOINT, Idempotency_Key="k")


def too_often(api):
    api.get("contacts/")
    return api.get("contacts/")


def of_somebody_else(api, path, body):
    OptInFactory(contact=ContactFactory(external_id="crm-1"))
    ContactFactory(external_id="crm-2")
    return api.post(path, body)


def of_a_taken_name(api, change):
    ContactFactory(external_id="crm-1")
    if not change:
        return api.post("contacts/", {"external_id": "crm-1"})
    return api.patch(f"contacts/{ContactFactory().id}/", {"external_id": "crm-1"})


def of_somebody_erased(api, method, path, body):
    contact = OptInFactory().identity.contact
    api.post(f"contacts/{contact.id}/erase/")
    named = {**body, "contact": str(contact.id)} if path == "consent-events/" else body
    return api.send(method, path.format(contact.id), named)


def of_somebody_held(api):
    contact = OptInFactory().identity.contact
    legal_holds.place(contact.sender, contact, reason="case 7", actor="staff:1")
    return api.post(f"contacts/{contact.id}/erase/")


def of_a_request(api, **fields):
    confirmed_within(48)
    return api.post(f"consent-events/{RequestFactory(**fields).id}/confirm/", {})


def of_a_withdrawn_request(api):
    StopFactory()
    return of_a_request(api, occurred_at=ago(hours=1))


def of_a_link(api, contact, body):
    return api.post(f"contacts/{contact.id}/preference-link/", body)


def of_an_endpoint(api, method, path, body):
    made = api.post("webhook-endpoints/", ENDPOINT).json()
    if path == "test/":
        api.patch(f"webhook-endpoints/{made['id']}/", {"is_active": False})
    return api.send(method, f"webhook-endpoints/{made['id']}/{path}", body)


def chunked(api):
    kind = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    return api.client.generic("POST", "/api/v1/contacts/", headers=api._headers(kind))


def of_a_file(api, content):
    path = "audiences/check/?channel=SMS&purpose=marketing"
    return api.post(path, content, Content_Type="text/csv")


def of_a_notice(api, key):
    NoticeFactory()
    NoticeFactory(language="sv")
    return api.post("consent-events/", {**OPT_IN, "evidence": {"notice": key}})


FAX = {"channel": "FAX", "identity": NUMBER}
PLAIN = {"url": "http://subscriber.example/hooks"}
WAYS = {
    ("any", "unknown_parameter"): lambda api: api.get("contacts/", when="now"),
    ("any", "key_required"): lambda api: Client().get("/api/v1/contacts/"),
    ("any", "invalid_key"): lambda api: Client().get(
        "/api/v1/contacts/", headers={"Authorization": "Bearer ob_wrong"}
    ),
    ("any", "scope_missing"): lambda api: issue("read").post("contacts/", {}),
    ("any", "sender_forbidden"): lambda api: api.get("contacts/", sender="nobody"),
    ("any", "not_found"): lambda api: api.get(f"contacts/{uuid4()}/"),
    ("any", "gone"): of_what_is_deleted,
    ("any", "length_required"): chunked,
    ("any", "body_too_large"): lambda api: api.post("contacts/", b"x" * (1024 * 1024 + 1)),
    ("any", "unsupported_media_type"): lambda api: api.post(
        "contacts/", {}, Content_Type="text/plain"
    ),
    ("any", "idempotency_key_reused"): of_another_body,
    ("any", "throttled"): too_often,
    ("any", "try_again"): lambda api: errors.answer(OperationalError("lost"), {}),
    ("any", "outcome_unknown"): lambda api: errors.answer(OutcomeUnknown(), {}),
    ("record", "unknown_channel"): lambda api: api.post("consent-events/", {**OPT_IN, **FAX}),
    ("record", "occurred_in_future"): lambda api: api.post(
        "consent-events/",
        {**OPT_IN, "occurred_at": (timezone.now() + timedelta(days=1)).isoformat()},
    ),
    ("record", "unknown_notice"): lambda api: of_a_notice(api, "no-such"),
    ("record", "notice_ambiguous"): lambda api: of_a_notice(api, "banner"),
    ("publish_notice", "notice_differs"): lambda api: api.post(
        "notices/", {**NOTICE, "version": NoticeFactory().version}
    ),
    ("record", "identity_conflict"): lambda api: of_somebody_else(
        api, "consent-events/", {**OPT_IN, "contact": "crm-2"}
    ),
    ("record", "erased"): lambda api: of_somebody_erased(
        api, "post", "consent-events/", {"action": "opt_in", "source": "WEB"}
    ),
    ("confirm", "confirmation_expired"): lambda api: of_a_request(api, taken_at=ago(hours=49)),
    ("confirm", "confirmation_withdrawn"): of_a_withdrawn_request,
    ("confirm", "not_a_request"): lambda api: api.post(
        f"consent-events/{OptInFactory().id}/confirm/", {}
    ),
    ("record_many", "too_many_items"): lambda api: api.post(
        "consent-events/bulk/", {"events": [OPT_IN] * 10_001}
    ),
    ("check", "unknown_channel"): lambda api: api.get("permission/", **FAX),
    ("check", "unknown_purpose"): lambda api: api.get("permission/", **ASKED, purpose="peace"),
    ("check_many", "too_many_items"): lambda api: api.post(
        "permissions/", {"channel": "SMS", "identities": [NUMBER] * 10_001}
    ),
    ("check_audience", "column_required"): lambda api: of_a_file(api, b"phone\n"),
    ("check_audience", "no_header"): lambda api: of_a_file(api, b"\n"),
    ("claim_confirmation", "nothing_to_confirm"): lambda api: of_somebody_else(
        api, "permission/confirmation/", ASKED
    ),
    ("receive_message", "unknown_channel"): lambda api: api.post(
        "inbound-messages/", {**FAX, "message_id": "m1"}
    ),
    ("create_contact", "external_id_taken"): lambda api: of_a_taken_name(api, change=False),
    ("create_contact", "identity_conflict"): lambda api: of_somebody_else(
        api, "contacts/", {"identities": [ASKED, {**ASKED, "identity": OTHER_NUMBER}]}
    ),
    ("change_contact", "external_id_taken"): lambda api: of_a_taken_name(api, change=True),
    ("change_contact", "erased"): lambda api: of_somebody_erased(
        api, "patch", "contacts/{}/", {"display_name": "Ada"}
    ),
    ("erase_contact", "legal_hold"): of_somebody_held,
    ("make_preference_link", "unknown_purpose"): lambda api: of_a_link(
        api, OptInFactory().identity.contact, {"purpose": "peace"}
    ),
    ("make_preference_link", "invalid_days"): lambda api: of_a_link(
        api, OptInFactory().identity.contact, {"days": 0}
    ),
    ("make_preference_link", "no_identity"): lambda api: of_a_link(api, ContactFactory(), {}),
    ("create_webhook_endpoint", "invalid_url"): lambda api: api.post(
        "webhook-endpoints/", {**ENDPOINT, **PLAIN}
    ),
    ("change_webhook_endpoint", "invalid_url"): lambda api: of_an_endpoint(api, "patch", "", PLAIN),
    ("test_webhook_endpoint", "endpoint_inactive"): lambda api: of_an_endpoint(
        api, "post", "test/", None
    ),
    ("redeliver_webhooks_since", "since_required"): lambda api: of_an_endpoint(
        api, "post", "redeliver/", {}
    ),
}


# These take a second connection and a full disk: their own tests have them.
ELSEWHERE = {("any", "idempotency_in_progress"), ("check_audience", "no_room")}


def test_these_are_all_that_the_schema_shows():
    assert WAYS.keys() | ELSEWHERE == shown().keys()


@pytest.mark.parametrize(("where", "code"), WAYS)
def test_a_refusal_is_worded_as_shown(api, settings, where, code):
    if code == "throttled":
        settings.API_THROTTLE_RATE = "1/min"
    status, refusal = shown()[where, code]
    answer = WAYS[where, code](api)
    error = (answer.data if hasattr(answer, "data") else answer.json())["error"]
    assert (answer.status_code, error["code"], error["field"]) == (status, code, refusal.field)
    assert without_numbers(error["message"]) == without_numbers(refusal.message)


def without_numbers(text):
    """How long to wait is not known beforehand."""
    return re.sub(r"in \d+ seconds", "in some seconds", text)

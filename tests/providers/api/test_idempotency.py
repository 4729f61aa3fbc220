"""Every write of the API is carried out once under one Idempotency-Key, whatever it writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from consents.api.door import Door
from consents.models import ConsentEvent, Contact, IdempotencyRecord, InboundMessage, Notice
from providers.models import ProviderSync, WebhookDelivery, WebhookEndpoint
from tests.consents.api.caller import code_of
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.api.test_idempotency import at_once
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    RequestFactory,
    StopFactory,
    ago,
    confirmed_within,
)

URL = "https://subscriber.example/hooks"
ENDPOINT = {"url": URL, "triggers": ["CONSENT_CHANGED"]}
ASKED = {"channel": "WHATSAPP", "identity": OTHER_NUMBER}
NOTICE = {"key": "banner", "version": 3, "language": "en", "text": "Send me offers"}

# Method, address, body. What is in braces is there before.
WRITES: list[tuple[str, str, Any]] = [
    ("post", "consent-events/", OPT_IN),
    ("post", "consent-events/bulk/", {"events": [OPT_IN, {**OPT_IN, "channel": "SMS"}]}),
    ("post", "consent-events/{request}/confirm/", {"ip": "192.0.2.44"}),
    ("post", "permission/confirmation/", ASKED),
    ("post", "inbound-messages/", {"channel": "SMS", "identity": NUMBER, "message_id": "m1"}),
    ("post", "contacts/", {"identities": [{"channel": "SMS", "identity": NUMBER}]}),
    ("patch", "contacts/{contact}/", {"display_name": "Ada"}),
    ("post", "contacts/{contact}/erase/", None),
    ("post", "contacts/{contact}/preference-link/", {"days": 7}),
    ("post", "notices/", NOTICE),
    ("post", "provider-syncs/{sync}/retry/", None),
    ("post", "webhook-endpoints/", ENDPOINT),
    ("patch", "webhook-endpoints/{endpoint}/", {"is_active": True}),
    ("delete", "webhook-endpoints/{endpoint}/", None),
    ("post", "webhook-endpoints/{endpoint}/rotate/", None),
    ("post", "webhook-endpoints/{endpoint}/test/", None),
    ("post", "webhook-endpoints/{endpoint}/redeliver/", {"since": "2026-01-31T12:00:00Z"}),
    ("post", "webhook-deliveries/{delivery}/redeliver/", None),
]
ONLY_ASKS = {("POST", "permissions/"), ("POST", "audiences/check/")}
"""A question with a body changes nothing."""

TABLES = (
    *(ConsentEvent, Contact, InboundMessage, Notice),
    *(ProviderSync, WebhookDelivery, WebhookEndpoint),
)


def doors(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, type[Door]]]:
    for one in resolver.url_patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from doors(one, path)
        elif isinstance(one, URLPattern):
            view = getattr(one.callback, "view_class", None)
            if view is not None and issubclass(view, Door):
                yield path, view


def test_these_are_all_writes_there_are():
    found = {
        (method, path.removeprefix("api/v1/"))
        for path, door in doors(get_resolver())
        for method in door.scopes
        if method != "GET"
    }
    named = {
        (method.upper(), path.replace("{", "<").replace("}", ">")) for method, path, _ in WRITES
    }
    for name in ("request", "contact", "sync", "endpoint", "delivery"):
        named = {(method, path.replace(f"<{name}>", "<uuid:id>")) for method, path in named}
    assert found == named | ONLY_ASKS


@pytest.fixture
def there(api, make_account):
    """Ids of what the writes change, by name."""
    make_account()
    endpoint = api.post("webhook-endpoints/", ENDPOINT).json()["id"]
    said = StopFactory(identity=OTHER_NUMBER)
    ProviderSync.objects.update(
        status="failed", reason="rejected", ended_at=ago(minutes=1), due_at=ago(minutes=2)
    )
    WebhookDelivery.objects.update(status="failed", ended_at=ago(minutes=1))
    confirmed_within(48, "utility", requires_own_consent=True)
    return {
        "request": RequestFactory(purpose="utility").id,
        "contact": said.identity.contact_id,
        "sync": ProviderSync.objects.get().id,
        "endpoint": endpoint,
        "delivery": WebhookDelivery.objects.get().id,
    }


def counts():
    return {table: table.objects.count() for table in TABLES}


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_repetition_gets_the_first_answer_and_writes_nothing(api, there, method, path, body):
    path = path.format(**there)
    first = api.send(method, path, body, Idempotency_Key="k1")
    assert 200 <= first.status_code < 300, first.content
    after_first = counts()
    again = api.send(method, path, body, Idempotency_Key="k1")
    assert again.status_code == first.status_code
    assert again.headers["Idempotent-Replayed"] == "true"
    assert without_secret(again) == without_secret(first)
    assert counts() == after_first
    other = api.send(method, path, {"nothing": "like it"}, Idempotency_Key="k1")
    assert other.status_code in (400, 404, 422)


def without_secret(answer):
    """A secret is shown the first time only: it is not kept where it could be shown again."""
    if not answer.content:
        return None
    return {name: value for name, value in answer.json().items() if name != "secret"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_of_twins_sent_at_once_one_is_carried_out(api, there, method, path, body):
    path = path.format(**there)
    before = counts()
    answers = at_once(3, lambda _: api.send(method, path, body, Idempotency_Key="twin"))
    assert {answer.status_code for answer in answers} <= {200, 201, 202, 204}
    assert sorted("Idempotent-Replayed" in answer.headers for answer in answers) == [
        False,
        True,
        True,
    ]
    assert len({str(without_secret(answer)) for answer in answers}) == 1
    kept = IdempotencyRecord.objects.get(method=method.upper(), path=f"/api/v1/{path}")
    assert kept.status == answers[0].status_code
    grown = {table: number - before[table] for table, number in counts().items()}
    alone = api.send(method, path, body, Idempotency_Key="twin")
    assert {table: number - before[table] for table, number in counts().items()} == grown
    assert alone.headers["Idempotent-Replayed"] == "true"


@pytest.mark.django_db
def test_a_repetition_of_what_has_been_deleted_since_says_so(api):
    made = api.post("webhook-endpoints/", ENDPOINT, Idempotency_Key="k1").json()
    api.send("delete", f"webhook-endpoints/{made['id']}/")
    answer = api.post("webhook-endpoints/", ENDPOINT, Idempotency_Key="k1")
    assert code_of(answer) == (410, "gone")
    assert not WebhookEndpoint.objects.exists()


@pytest.mark.django_db
def test_a_deletion_of_what_is_not_there_is_not_kept(api, there):
    path = f"webhook-endpoints/{there['contact']}/"
    assert code_of(api.send("delete", path, Idempotency_Key="k1")) == (404, "not_found")
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"), [(method, path) for method, path, body in WRITES if body is None]
)
def test_a_write_that_takes_no_body_passes_none_over(api, there, method, path):
    path = path.format(**there)
    answer = api.send(method, path, {"since": "2026-01-31T12:00:00Z"})
    assert code_of(answer) == (400, "unknown_field")
    assert api.send(method, path, {}).status_code < 300


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_write_passes_no_parameter_over(api, there, method, path, body):
    before = counts()
    answer = api.send(method, f"{path.format(**there)}?dry_run=true", body)
    assert code_of(answer) == (400, "unknown_parameter")
    assert counts() == before

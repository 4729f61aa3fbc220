"""`webhook-endpoints/` and `webhook-deliveries/`: subscribing, looking after it, telling again."""

from __future__ import annotations

from uuid import uuid4

import pytest

from providers.api import schema
from providers.models import ProviderSync, WebhookDelivery, WebhookEndpoint
from tests.consents.api.caller import code_of, issue
from tests.consents.factories import NUMBER, OTHER_NUMBER, OptInFactory, SenderFactory, ago

pytestmark = pytest.mark.django_db

URL = "https://subscriber.example/hooks"
WANTED = {"url": URL, "triggers": ["CONSENT_CHANGED"]}


@pytest.fixture
def made(api):
    """An endpoint as the API answers it when it is made."""
    return api.post("webhook-endpoints/", WANTED).json()


def fields(shape):
    return set(shape().fields)


def delete(api, path):
    return api.send("delete", path)


def test_subscribing_shows_the_secret_this_once(api):
    answer = api.post("webhook-endpoints/", WANTED)
    made = answer.json()
    assert answer.status_code == 201
    assert set(made) == fields(schema.EndpointWithSecret)
    assert made["secret"].startswith("whsec_")
    assert (made["signature"], made["is_active"]) == ("standard", True)
    again = api.get(f"webhook-endpoints/{made['id']}/").json()
    assert set(again) == fields(schema.EndpointBody)
    listed = api.get("webhook-endpoints/")
    assert listed.json()["results"] == [again]
    assert made["secret"] not in listed.content.decode()


def test_a_repeated_subscription_makes_one_endpoint_and_shows_no_secret_again(api):
    first = api.post("webhook-endpoints/", WANTED, Idempotency_Key="one").json()
    again = api.post("webhook-endpoints/", WANTED, Idempotency_Key="one").json()
    assert (again["id"], again["secret"]) == (first["id"], None)
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "http://subscriber.example/"}, "invalid_url"),
        ({"url": "https://169.254.169.254/latest"}, "invalid_url"),
        ({"url": "https://10.0.0.1/"}, "invalid_url"),
        ({"url": "https://user:pass@subscriber.example/"}, "invalid_url"),
        ({"url": 7}, "invalid_url"),
        ({"url": "https://subscriber.example/\0"}, "invalid_url"),
        ({"url": ""}, "url_required"),
        ({"triggers": []}, "triggers_required"),
        ({"triggers": "OPT_IN"}, "triggers_required"),
        ({"triggers": ["NEWS"]}, "unknown_trigger"),
        ({"triggers": [{}]}, "unknown_trigger"),
        ({"signature": "md5"}, "unknown_signature"),
        ({"is_active": "yes"}, "invalid_is_active"),
        ({"secret": "mine"}, "unknown_field"),
    ],
)
def test_nonsense_changes_nothing(api, made, change, code):
    if "is_active" not in change:
        assert code_of(api.post("webhook-endpoints/", {**WANTED, **change})) == (400, code)
    before = api.get(f"webhook-endpoints/{made['id']}/").json()
    assert code_of(api.patch(f"webhook-endpoints/{made['id']}/", change)) == (400, code)
    assert api.get(f"webhook-endpoints/{made['id']}/").json() == before


def test_what_is_left_out_of_a_change_stays(api, made):
    answer = api.patch(f"webhook-endpoints/{made['id']}/", {"triggers": ["OPT_OUT", "OPT_IN"]})
    changed = answer.json()
    assert (changed["triggers"], changed["url"]) == (["OPT_IN", "OPT_OUT"], URL)
    stored = WebhookEndpoint.objects.get()
    assert stored.secret["current"] == made["secret"]


def test_switching_on_resumes_a_paused_endpoint(api, made):
    WebhookEndpoint.objects.update(paused_at=ago(days=1), pause_reason="days", failures=40)
    answer = api.patch(f"webhook-endpoints/{made['id']}/", {"is_active": True})
    assert (answer.json()["paused_at"], answer.json()["pause_reason"]) == (None, None)


def test_a_replaced_secret_is_shown_this_once(api, made):
    answer = api.post(f"webhook-endpoints/{made['id']}/rotate/")
    assert answer.status_code == 200
    secret = answer.json()["secret"]
    assert secret != made["secret"]
    stored = WebhookEndpoint.objects.get().secret
    assert (stored["current"], stored["former"]) == (secret, made["secret"])


def test_unsubscribing_forgets_what_was_to_be_told(api, made):
    OptInFactory()
    assert delete(api, f"webhook-endpoints/{made['id']}/").status_code == 204
    assert WebhookDelivery.objects.count() == 0
    assert delete(api, f"webhook-endpoints/{made['id']}/").status_code == 404


def test_a_test_is_put_on_its_way(api, made):
    answer = api.post(f"webhook-endpoints/{made['id']}/test/")
    assert (answer.status_code, answer.json()["trigger"]) == (202, "TEST")
    api.patch(f"webhook-endpoints/{made['id']}/", {"is_active": False})
    refused = api.post(f"webhook-endpoints/{made['id']}/test/")
    assert code_of(refused) == (409, "endpoint_inactive")


def test_the_log_shows_bodies_with_addresses_masked(api, made):
    event = OptInFactory()
    answer = api.get("webhook-deliveries/")
    [row] = answer.json()["results"]
    assert set(row) == fields(schema.DeliveryBody)
    assert (row["event"], row["status"]) == (str(event.id), "pending")
    assert row["body"]["data"]["identity"] == "467******22"
    assert NUMBER not in answer.content.decode()
    assert api.get(f"webhook-deliveries/{row['id']}/").json() == row


def test_the_log_is_narrowed_by_its_parameters(api, made):
    OptInFactory()
    OptInFactory(identity=OTHER_NUMBER)

    def count(**query):
        return len(api.get("webhook-deliveries/", **query).json()["results"])

    assert count() == count(endpoint=made["id"]) == count(trigger="CONSENT_CHANGED") == 2
    assert count(identity=NUMBER) == 1
    assert count(status="failed") == count(endpoint=str(uuid4())) == 0
    assert code_of(api.get("webhook-deliveries/", status="lost")) == (400, "unknown_status")


def test_one_is_delivered_again_under_its_id(api, made):
    OptInFactory()
    row = WebhookDelivery.objects.get()
    WebhookDelivery.objects.update(status="succeeded", attempts=1, ended_at=ago(hours=1))
    answer = api.post(f"webhook-deliveries/{row.id}/redeliver/")
    again = answer.json()
    assert (answer.status_code, again["id"], again["status"]) == (202, str(row.id), "pending")
    assert (again["attempts"], again["ended_at"]) == (0, None)


def test_everything_since_a_time_is_delivered_again(api, made):
    OptInFactory()
    WebhookDelivery.objects.update(status="failed", ended_at=ago(minutes=1))
    path = f"webhook-endpoints/{made['id']}/redeliver/"
    since = ago(hours=1).isoformat()
    assert api.post(path, {"since": since}).json() == {"redelivered": 1}
    assert api.post(path, {"since": since, "until": since}).json() == {"redelivered": 0}
    assert code_of(api.post(path, {})) == (400, "since_required")
    assert code_of(api.post(path, {"since": "yesterday"})) == (400, "invalid_since")


READS = ["webhook-endpoints/", "webhook-endpoints/{id}/", "webhook-deliveries/"]
WRITES = [
    ("post", "webhook-endpoints/"),
    ("patch", "webhook-endpoints/{id}/"),
    ("delete", "webhook-endpoints/{id}/"),
    ("post", "webhook-endpoints/{id}/test/"),
    ("post", "webhook-endpoints/{id}/rotate/"),
    ("post", "webhook-endpoints/{id}/redeliver/"),
    ("post", "webhook-deliveries/{delivery}/redeliver/"),
]


def test_reading_needs_the_scope_read_and_all_else_manage(api, made):
    OptInFactory()
    names = {"id": made["id"], "delivery": WebhookDelivery.objects.get().id}
    reader, manager = issue("read"), issue("manage")
    for path in READS:
        assert reader.get(path.format(**names)).status_code == 200
        assert code_of(manager.get(path.format(**names))) == (403, "scope_missing")
    for method, path in WRITES:
        answer = reader.send(method, path.format(**names), WANTED)
        assert code_of(answer) == (403, "scope_missing")


def test_reading_passes_no_parameter_over(api, made, make_account):
    make_account()
    event = OptInFactory()
    one = {
        "contacts": event.identity.contact_id,
        "consent-events": event.id,
        "provider-syncs": ProviderSync.objects.get().id,
        "webhook-endpoints": made["id"],
        "webhook-deliveries": WebhookDelivery.objects.get().id,
    }
    for kind, id in one.items():
        for path in (f"{kind}/", f"{kind}/{id}/"):
            assert api.get(path).status_code == 200
            assert code_of(api.get(path, expand="all")) == (400, "unknown_parameter")


def test_a_key_of_another_sender_sees_and_touches_nothing(api, made):
    OptInFactory()
    SenderFactory(key="other")
    names = {"id": made["id"], "delivery": WebhookDelivery.objects.get().id}
    other = issue(senders=["other"])
    assert other.get("webhook-endpoints/").json()["results"] == []
    assert other.get("webhook-deliveries/").json()["results"] == []
    assert other.get(f"webhook-deliveries/{names['delivery']}/").status_code == 404
    for method, path in WRITES[1:]:
        body = None if method == "delete" else WANTED
        assert other.send(method, path.format(**names), body).status_code == 404
    assert WebhookEndpoint.objects.count() == 1


def test_the_timeline_of_a_contact_shows_what_subscribers_were_told(api, made):
    event = OptInFactory()
    timeline = api.get(f"contacts/{event.identity.contact_id}/timeline/").json()["results"]
    [told] = [one for one in timeline if one["kind"] == "notification"]
    assert (told["data"]["trigger"], told["data"]["status"]) == ("CONSENT_CHANGED", "pending")

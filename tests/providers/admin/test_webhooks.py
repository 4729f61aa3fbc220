"""The pages of subscribers: secrets shown once, bodies masked, nothing done by a link."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from consents.models import StaffAction
from providers.models import WebhookDelivery, WebhookEndpoint
from tests.consents.factories import NUMBER, OptInFactory, ago
from tests.providers.listening import EndpointFactory

pytestmark = pytest.mark.django_db

ENDPOINT, DELIVERY = "admin:providers_webhookendpoint", "admin:providers_webhookdelivery"
FORM = {
    "url": "https://subscriber.example/hooks",
    "triggers": ["CONSENT_CHANGED"],
    "signature": "standard",
    "is_active": "on",
}


@pytest.fixture
def endpoint(sender):
    return EndpointFactory(triggers=["CONSENT_CHANGED"])


def page(endpoint, name="change"):
    return reverse(f"{ENDPOINT}_{name}", args=[endpoint.pk])


def do(desk, endpoint, name, data=None):
    """The page that asks, then its button."""
    assert desk.get(page(endpoint, name)).status_code == 200
    return desk.post(page(endpoint, name), data or {})


def test_a_new_endpoints_secret_is_shown_once_and_stored_nowhere_else(desk, sender):
    answer = desk.post(reverse(f"{ENDPOINT}_add"), {**FORM, "sender": str(sender.pk)})
    endpoint = WebhookEndpoint.objects.get()
    secret = endpoint.secret["current"]
    assert (answer.status_code, "no-store" in answer["Cache-Control"]) == (200, True)
    assert secret in answer.content.decode()
    for url in (page(endpoint), page(endpoint, "history"), reverse(f"{ENDPOINT}_changelist")):
        assert secret not in desk.get(url).content.decode()
    assert all(secret not in str(entry.__dict__) for entry in StaffAction.objects.all())


@pytest.mark.parametrize("url", ["http://subscriber.example/", "https://127.0.0.1/"])
def test_a_url_that_cannot_be_is_refused_at_its_field(desk, sender, url):
    answer = desk.post(reverse(f"{ENDPOINT}_add"), {**FORM, "sender": str(sender.pk), "url": url})
    assert "url" in answer.context["adminform"].form.errors
    assert not WebhookEndpoint.objects.exists()


def test_a_change_leaves_secret_and_pause_alone(desk, endpoint):
    WebhookEndpoint.objects.update(paused_at=ago(days=1))
    desk.post(page(endpoint), {**FORM, "triggers": ["OPT_IN"]})
    changed = WebhookEndpoint.objects.get()
    assert (changed.triggers, changed.secret) == (["OPT_IN"], endpoint.secret)
    assert changed.paused_at is not None


def test_a_paused_endpoint_is_shown_with_its_reason_and_resumed(desk, endpoint):
    WebhookEndpoint.objects.update(paused_at=ago(days=1), pause_reason="Nothing for three days.")
    assert "Nothing for three days." in desk.get(page(endpoint)).content.decode()
    assert "Paused" in desk.get(reverse(f"{ENDPOINT}_changelist")).content.decode()
    do(desk, endpoint, "resume")
    assert WebhookEndpoint.objects.get().paused_at is None


def test_a_test_is_sent_only_by_the_button(desk, endpoint):
    desk.get(page(endpoint, "try_out"))
    assert not WebhookDelivery.objects.exists()
    do(desk, endpoint, "try_out")
    assert WebhookDelivery.objects.get().trigger == "TEST"


def test_an_endpoint_that_is_off_cannot_be_tried_out(desk, endpoint):
    WebhookEndpoint.objects.update(is_active=False)
    answer = desk.post(page(endpoint, "try_out"))
    assert "switch it on first" in answer.content.decode()


def test_a_replaced_secret_is_shown_once(desk, endpoint):
    answer = do(desk, endpoint, "replace_secret")
    secret = WebhookEndpoint.objects.get().secret
    assert secret["current"] in answer.content.decode()
    assert secret["former"] == endpoint.secret["current"]


def test_everything_since_a_time_is_delivered_again(desk, endpoint):
    OptInFactory()
    WebhookDelivery.objects.update(status="succeeded", ended_at=ago(minutes=1))
    hour = ago(hours=1)
    do(desk, endpoint, "redeliver", {"since_0": f"{hour:%Y-%m-%d}", "since_1": f"{hour:%H:%M}"})
    assert WebhookDelivery.objects.get().status == "pending"


def test_the_log_masks_the_bodies(desk, endpoint):
    OptInFactory()
    row = WebhookDelivery.objects.get()
    text = desk.get(reverse(f"{DELIVERY}_change", args=[row.pk])).content.decode()
    body = text[text.index("<details") : text.index("</details")]
    assert "467******22" in body
    assert NUMBER not in body


def test_the_log_is_searched_by_number_and_cannot_be_changed(desk, endpoint):
    OptInFactory()
    row = WebhookDelivery.objects.get()
    found = desk.get(reverse(f"{DELIVERY}_changelist"), {"q": NUMBER})
    assert list(found.context["cl"].result_list) == [row]
    url = reverse(f"{DELIVERY}_change", args=[row.pk])
    assert desk.post(url, {"body": "{}"}).status_code == 403
    assert desk.get(reverse(f"{DELIVERY}_delete", args=[row.pk])).status_code == 403


def test_those_selected_are_delivered_again(desk, endpoint):
    OptInFactory()
    WebhookDelivery.objects.update(status="failed", ended_at=ago(minutes=1))
    chosen = [str(WebhookDelivery.objects.get().pk)]
    desk.post(
        reverse(f"{DELIVERY}_changelist"),
        {"action": "redeliver_selected", "_selected_action": chosen},
    )
    assert WebhookDelivery.objects.get().status == "pending"


def test_somebody_who_may_only_look_can_do_nothing(endpoint):
    looker = User.objects.create_user("looker", is_staff=True)
    looker.user_permissions.set(
        Permission.objects.filter(codename__in=["view_webhookendpoint", "view_webhookdelivery"])
    )
    client = Client()
    client.force_login(looker)
    assert client.get(page(endpoint)).status_code == 200
    for name in ("try_out", "resume", "redeliver", "replace_secret"):
        assert client.post(page(endpoint, name)).status_code == 403
    assert WebhookEndpoint.objects.get().secret == endpoint.secret

"""`inbound-messages/`: what a person wrote, for channels without a callback."""

from datetime import timedelta

import pytest
from django.utils import timezone

from consents.models import ConsentEvent, InboundMessage
from tests.consents.factories import NUMBER, RequestFactory, confirmed_within

pytestmark = pytest.mark.django_db
MESSAGE = {"channel": "WHATSAPP", "identity": NUMBER, "message_id": "m1"}


def test_a_message_opens_the_window(api):
    answer = api.post("inbound-messages/", {**MESSAGE, "text": "Hello"})
    body = answer.json()
    assert answer.status_code == 201
    assert (body["keyword"], body["is_repeat"], body["identity"]) == (None, False, NUMBER)
    assert [event["action"] for event in body["events"]] == ["window_opened"]
    asked = api.get("permission/", channel="WHATSAPP", identity=NUMBER)
    assert asked.json()["basis"] == "customer_window"


def test_a_stop_word_is_an_opt_out_and_what_was_written_is_not_repeated(api):
    answer = api.post("inbound-messages/", {**MESSAGE, "text": "Please STOP!!"})
    body = answer.json()
    assert body["keyword"] == "stop"
    [event] = body["events"]
    assert (event["action"], event["origin"], event["source"]) == ("opt_out", "keyword", "KEYWORD")
    assert "Please" not in answer.content.decode()


def test_a_yes_is_a_keyword_only_while_somebody_waits_for_it(api):
    confirmed_within(48)
    assert api.post("inbound-messages/", {**MESSAGE, "text": "yes"}).json()["keyword"] is None
    request = RequestFactory()
    body = api.post("inbound-messages/", {**MESSAGE, "message_id": "m2", "text": "yes"}).json()
    assert body["keyword"] == "confirm"
    [event] = body["events"]
    assert (event["action"], event["cause"]) == ("opt_in", str(request.id))


def test_a_button_counts_by_its_payload(api):
    body = api.post("inbound-messages/", {**MESSAGE, "payload": "STOP", "title": "Enough"}).json()
    assert body["keyword"] == "stop"


def test_a_repeated_message_does_nothing(api):
    api.post("inbound-messages/", {**MESSAGE, "text": "STOP"})
    again = api.post("inbound-messages/", {**MESSAGE, "text": "STOP"})
    assert (again.status_code, again.json()["is_repeat"], again.json()["events"]) == (200, True, [])
    assert (ConsentEvent.objects.count(), InboundMessage.objects.count()) == (1, 1)


def test_the_window_runs_from_the_providers_time(api):
    received_at = timezone.now() - timedelta(hours=24, seconds=1)
    api.post("inbound-messages/", {**MESSAGE, "received_at": received_at.isoformat()})
    asked = api.get("permission/", channel="WHATSAPP", identity=NUMBER).json()
    assert (asked["allowed"], asked["reason"]) == (False, "window_closed")

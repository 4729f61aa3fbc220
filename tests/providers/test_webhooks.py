"""Notifications on their way to subscribers: signed, in order, at least once, and never inwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from consents.errors import ConsentError
from consents.models import Sender
from providers import courier, deadlines, deliveries, http, signing, subscribers, sweeps
from providers.contract import Fault
from providers.courier import Courier, drain
from providers.decisions import LADDER
from providers.http import Request
from providers.models import WebhookDelivery, WebhookEndpoint
from providers.worker import Worker
from tests.consents.factories import NUMBER, ago
from tests.providers.conftest import serving
from tests.providers.factories import british_numbers, opt_in, opt_out
from tests.providers.listening import (
    EndpointFactory,
    fetched,
    owed,
    statuses,
    time_passes,
)

pytestmark = pytest.mark.django_db

PATIENCE = 10.0
CHANGES = ["CONSENT_CHANGED"]


@pytest.fixture(autouse=True)
def allowed(settings):
    """Subscribers on this machine, over plain HTTP."""
    settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = True


@pytest.fixture
def endpoint(sender, server):
    """Wants to hear of changes, and answers what a test scripts."""
    return EndpointFactory(url=f"{server.base_url}/hooks", triggers=CHANGES)


def heard(server):
    """Who was said to have done what, in the order it was heard."""
    data = [one.document["data"] for one in server.received]
    return [(one["identity"], one["action"]) for one in data]


def secret_of(endpoint):
    return fetched(endpoint).secret["current"]


# --- what arrives


def test_a_notification_arrives_with_its_body_and_its_headers(endpoint, server):
    server.answers(204)
    opt_in()
    assert drain() == 1
    [row] = owed()
    [got] = server.received
    assert (got.method, got.path, got.document) == ("POST", "/hooks", row.body)
    assert got.headers["content-type"] == "application/json"
    assert got.headers["optbook-trigger"] == "CONSENT_CHANGED"
    assert got.headers["optbook-delivery"] == got.headers["webhook-id"] == str(row.id)
    assert (row.status, row.attempts, row.status_code) == ("succeeded", 1, 204)
    assert fetched(endpoint).last_success_at is not None


def test_the_result_of_a_registration_arrives_in_the_seeds_four_fields(sender, server):
    server.answers(200)
    EndpointFactory(url=server.base_url, triggers=["OPT_IN"])
    event = opt_in()
    drain()
    [got] = server.received
    assert got.headers["optbook-trigger"] == "OPT_IN"
    assert got.document == {
        "contact_id": str(event.identity.contact_id),
        "channel": "WHATSAPP",
        "identity": NUMBER,
        "status": "OPT_IN_STATUS_UNSPECIFIED",
    }


def test_a_request_id_travels_in_a_header_that_it_cannot_break(endpoint, server):
    server.answers(200)
    opt_in()
    WebhookDelivery.objects.update(request_id="REQ 1\r\nX-Evil: é")
    drain()
    [got] = server.received
    assert got.headers["optbook-request-id"] == "REQ 1%0D%0AX-Evil: %C3%A9"
    assert "x-evil" not in got.headers


# --- signatures


def test_the_library_of_standard_webhooks_verifies_it(endpoint, server):
    server.answers(200)
    opt_in()
    drain()
    [got] = server.received
    assert Webhook(secret_of(endpoint)).verify(got.body, got.headers) == got.document
    with pytest.raises(WebhookVerificationError):
        Webhook(subscribers.new_secret()).verify(got.body, got.headers)


def test_a_receiver_written_for_sinch_verifies_it(sender, server):
    server.answers(200)
    endpoint = EndpointFactory(url=server.base_url, triggers=CHANGES, signature="sinch")
    opt_in()
    drain()
    [got] = server.received
    secret = secret_of(endpoint)
    nonce = signing.verify_conversation(secret, got.body, got.headers, now=datetime.now(UTC))
    assert nonce
    assert "webhook-signature" not in got.headers


def test_every_attempt_is_signed_anew_under_one_id(sender, server):
    server.answers(500).answers(200)
    EndpointFactory(url=server.base_url, triggers=CHANGES, signature="sinch")
    opt_in()
    drain()
    time_passes(minutes=10)
    drain()
    first, second = (one.headers for one in server.received)
    assert first["optbook-delivery"] == second["optbook-delivery"]
    assert first[f"{signing.CONVERSATION}-nonce"] != second[f"{signing.CONVERSATION}-nonce"]


def test_while_a_secret_is_replaced_both_verify_for_a_day(endpoint, server):
    server.answers(200)
    before, after = secret_of(endpoint), subscribers.rotate(endpoint)
    opt_in()
    drain()
    [got] = server.received
    for secret in (before, after):
        assert Webhook(secret).verify(got.body, got.headers)
    secret = fetched(endpoint).secret
    endpoint.secret = {**secret, "former_until": ago(seconds=1).isoformat()}
    endpoint.save()
    opt_out()
    drain()
    assert len(server.received[1].headers["webhook-signature"].split()) == 1


def test_where_the_style_carries_one_signature_a_replaced_secret_counts_at_once(sender, server):
    server.answers(200)
    endpoint = EndpointFactory(url=server.base_url, triggers=CHANGES, signature="sinch")
    secret = subscribers.rotate(endpoint)
    opt_in()
    drain()
    [got] = server.received
    assert signing.verify_conversation(secret, got.body, got.headers, now=datetime.now(UTC))


# --- at least once


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_whatever_is_not_2xx_is_tried_again(endpoint, server, status):
    server.answers(status, "no", Location="/elsewhere").answers(200)
    opt_in()
    drain()
    [row] = owed()
    assert (row.status, row.attempts, row.status_code) == ("pending", 1, status)
    assert [one.path for one in server.received] == ["/hooks"]
    time_passes(minutes=10)
    drain()
    assert statuses() == ["succeeded"]


def test_it_is_given_up_after_about_three_days(endpoint, server):
    server.answers(500)
    opt_in()
    for _ in range(len(LADDER) + 1):
        drain()
        time_passes(days=2)
        WebhookEndpoint.objects.update(failing_since=None)
    [row] = owed()
    assert (row.status, row.attempts) == ("failed", len(LADDER) + 1)
    assert timedelta(days=2, hours=12) < sum(LADDER, timedelta()) < timedelta(days=3, hours=12)


@pytest.mark.parametrize("fault", ["drops", "nobody"])
def test_a_subscriber_that_cannot_be_talked_to_is_tried_again(sender, server, nobody, fault):
    server.drops()
    EndpointFactory(url=server.base_url if fault == "drops" else nobody, triggers=CHANGES)
    opt_in()
    drain()
    [row] = owed()
    assert (row.status, row.status_code) == ("pending", None)
    assert row.text.startswith(("connection_broken", "connection_failed"))


def test_a_subscriber_that_drips_its_answer_is_cut_off(endpoint, server):
    server.drips(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    opt_in()
    [parcel] = deliveries.claim(endpoint.id, 1)
    reply = courier.post(parcel, datetime.now(UTC), seconds=0.3)
    assert (reply.status, reply.text.split(":")[0]) == (None, "timeout")


def test_of_a_long_answer_little_is_read_and_less_kept(endpoint, server, monkeypatch):
    read, real = [], http.send

    def look(*given, **options):
        answer = real(*given, **options)
        read.append(len(answer.body))
        return answer

    monkeypatch.setattr(http, "send", look)
    server.answers(200, "x" * (http.BODY_MAX * 4))
    opt_in()
    drain()
    assert read == [64 * 1024]
    assert len(owed()[0].text) <= 500


def test_a_call_has_ten_seconds_in_all(endpoint, server, monkeypatch):
    given = []

    def look(request, *, seconds, vet):
        given.append(seconds)
        raise http.AccountError(Fault.TIMEOUT, "timeout", "No whole answer came in time.")

    monkeypatch.setattr(http, "send", look)
    opt_in()
    drain()
    assert given == [10]


def test_what_a_subscriber_answers_is_kept_masked(endpoint, server):
    server.answers(400, f"refused {NUMBER} and {secret_of(endpoint)}")
    opt_in()
    drain()
    [row] = owed()
    assert NUMBER not in row.text
    assert secret_of(endpoint) not in row.text
    assert row.text.startswith("refused 467")


def test_no_secret_number_or_url_reaches_the_log_or_a_repr(endpoint, server, caplog):
    server.answers(410)
    opt_in()
    [parcel] = deliveries.claim(endpoint.id, 1)
    time_passes(minutes=2)
    deliveries.reap()
    drain()
    assert str(endpoint.id) in caplog.text
    for text in (caplog.text, repr(parcel)):
        assert NUMBER not in text
        assert secret_of(endpoint) not in text
        assert endpoint.url not in text


# --- order


def test_one_waits_behind_another_of_its_person_until_that_has_ended(endpoint, server):
    server.answers(500).answers(200)
    opt_in()
    opt_out()
    drain()
    assert heard(server) == [(NUMBER, "opt_in")]
    time_passes(minutes=10)
    drain()
    assert heard(server) == [(NUMBER, "opt_in"), (NUMBER, "opt_in"), (NUMBER, "opt_out")]


def test_one_that_has_failed_for_good_lets_the_next_pass(endpoint, server):
    server.answers(200)
    opt_in()
    opt_out()
    WebhookDelivery.objects.filter(id=owed()[0].id).update(status="failed")
    drain()
    assert heard(server) == [(NUMBER, "opt_out")]


def test_a_person_whose_notification_fails_holds_up_no_other(endpoint, server):
    poison, *others = british_numbers(3)
    opt_in(poison)
    WebhookDelivery.objects.update(due_at=ago(hours=-1), attempts=3)
    for number in others:
        opt_in(number)
    server.answers(200)
    drain()
    assert {number for number, _ in heard(server)} == set(others)


def test_a_subscriber_that_is_down_for_an_hour_gets_everything_in_order_once_it_is_back(
    endpoint, server
):
    server.answers(503)
    people = list(british_numbers(5))
    for moment in range(12):
        for number in people:
            (opt_in if moment % 2 == 0 else opt_out)(number)
        drain()
        time_passes(minutes=5)
    down = len(server.received)
    assert set(statuses()) == {"pending"}
    assert down < 20
    server._script[:] = []
    server.answers(200)
    time_passes(minutes=5)
    drain()
    time_passes(minutes=5)
    drain()
    assert statuses() == ["succeeded"] * 60
    for number in people:
        got = [action for person, action in heard(server)[down:] if person == number]
        assert got == ["opt_in", "opt_out"] * 6


def test_a_redelivered_one_does_not_overtake_or_run_beside_its_person(endpoint, server):
    server.answers(200)
    opt_in()
    drain()
    opt_out()
    [flying] = deliveries.claim(endpoint.id, 4)
    subscribers.redeliver(owed()[0])
    assert deliveries.claim(endpoint.id, 4) == []
    deliveries.release([flying])
    drain()
    assert [action for _, action in heard(server)] == ["opt_in", "opt_in", "opt_out"]


@pytest.mark.django_db(transaction=True)
def test_two_couriers_at_once_send_each_once_and_each_person_in_order(endpoint, server):
    server.answers(200)
    people = list(british_numbers(10))
    for record in (opt_in, opt_out, opt_in):
        for number in people:
            record(number)
    start = threading.Barrier(2)

    def work():
        start.wait(PATIENCE)
        try:
            for _ in range(3):
                drain()
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 3)
    drain()
    assert statuses() == ["succeeded"] * 30
    assert len(server.received) == 30
    for number in people:
        got = [action for person, action in heard(server) if person == number]
        assert got == ["opt_in", "opt_out", "opt_in"]


# --- an endpoint that fails


def test_an_endpoint_that_fails_is_tried_with_one_while_the_others_wait(endpoint, server):
    server.answers(500)
    for number in british_numbers(10):
        opt_in(number)
    drain()
    first = len(server.received)
    assert first <= deliveries.CALLS_AT_ONCE
    assert fetched(endpoint).failures == 1
    time_passes(minutes=10)
    drain()
    assert len(server.received) == first + 1
    assert fetched(endpoint).failures == 2


def test_what_was_tried_in_vain_is_due_again_when_the_endpoint_is_back(endpoint, server):
    server.answers(500)
    opt_in()
    for _ in range(5):
        drain()
        time_passes(minutes=40)
    later = owed()[0]
    WebhookDelivery.objects.update(due_at=ago(hours=-1))
    opt_in("447700900001")
    server._script[:] = []
    server.answers(200)
    drain()
    assert fetched(endpoint).failures == 0
    drain()
    later.refresh_from_db()
    assert later.status == "succeeded"


def test_410_switches_the_endpoint_off_and_says_so(endpoint, server):
    server.answers(410)
    opt_in()
    opt_out()
    drain()
    off = fetched(endpoint)
    assert (off.is_active, "410" in off.pause_reason) == (False, True)
    assert statuses() == ["failed", "pending"]
    opt_in()
    assert len(owed()) == 2
    time_passes(days=1)
    assert drain() == 0


def test_an_endpoint_that_fails_for_days_is_paused_and_keeps_what_it_is_owed(endpoint, server):
    server.answers(500)
    opt_in()
    drain()
    time_passes(days=2, hours=23)
    drain()
    assert fetched(endpoint).paused_at is None
    time_passes(hours=1, minutes=1)
    drain()
    paused = fetched(endpoint)
    assert paused.paused_at is not None
    assert (paused.is_active, "three days" in paused.pause_reason) == (True, True)
    opt_out()
    time_passes(days=1)
    assert drain() == 0
    server._script[:] = []
    server.answers(200)
    subscribers.change(paused, is_active=True)
    drain()
    drain()
    assert statuses() == ["succeeded", "succeeded"]


def test_a_paused_endpoint_is_what_a_sweep_says_needs_somebody(endpoint):
    assert sweeps.needs().endpoints_paused == 0
    WebhookEndpoint.objects.update(paused_at=ago(hours=1))
    assert sweeps.needs().endpoints_paused == 1


@pytest.mark.parametrize(
    ("failures", "chance", "seconds"), [(1, 0, 2.5), (1, 0.999, 5), (3, 0, 10), (50, 0.999, 300)]
)
def test_the_wait_doubles_up_to_five_minutes(failures, chance, seconds):
    length = deliveries.wait_length(failures, None, chance=chance)
    assert length.total_seconds() == pytest.approx(seconds, rel=0.01)


def test_retry_after_is_honoured_up_to_an_hour(endpoint, server):
    server.answers(503, Retry_After="1800")
    opt_in()
    drain()
    wait = fetched(endpoint).wait_until - datetime.now(UTC)
    assert timedelta(minutes=29) < wait <= timedelta(minutes=30)
    asked = timedelta(days=1)
    assert deliveries.wait_length(1, asked, chance=0) == deliveries.RETRY_AFTER_MAX


def test_a_slow_endpoint_does_not_hold_up_others(sender, server):
    with serving() as slow:
        slow.keeps_silent()
        EndpointFactory(url=slow.base_url, triggers=CHANGES)
        EndpointFactory(url=server.base_url, triggers=CHANGES)
        server.answers(200)
        for number in british_numbers(20):
            opt_in(number)
        busy = Courier()
        for _ in range(100):
            busy.step()
            if len(server.received) == 20:
                break
        assert len(server.received) == 20
        assert len(slow.received) <= deliveries.CALLS_AT_ONCE
        slow.released.set()
        busy.finish()


def test_no_call_holds_a_connection_to_the_database(endpoint, server, monkeypatch):
    held, real = [], http.send

    def look(*given, **options):
        held.append(connections["default"].connection)
        return real(*given, **options)

    monkeypatch.setattr(http, "send", look)
    server.answers(200)
    opt_in()
    drain()
    assert held == [None]


# --- killed in between


def test_what_a_killed_worker_held_is_delivered_again_after_the_lease(endpoint, server):
    server.answers(200)
    opt_in()
    [lost] = deliveries.claim(endpoint.id, 1)
    assert (deliveries.reap(), drain()) == (0, 0)
    time_passes(seconds=61)
    assert deliveries.reap() == 1
    assert drain() == 1
    deliveries.settle([deliveries.Returned(lost, deliveries.Reply(500))])
    [row] = owed()
    assert (row.status, row.attempts) == ("succeeded", 1)


def test_an_answer_that_comes_after_the_lease_decides_nothing(endpoint, server):
    opt_in()
    [late] = deliveries.claim(endpoint.id, 1)
    time_passes(seconds=61)
    deliveries.reap()
    [again] = deliveries.claim(endpoint.id, 1)
    deliveries.settle([deliveries.Returned(late, deliveries.Reply(410))])
    [row] = owed()
    assert (row.status, row.lease, fetched(endpoint).is_active) == ("sending", again.lease, True)


_CHILD = """
import django, json, os
django.setup()
from django.core.management import call_command
from django.db import connection, connections
connections.settings["default"].update(json.loads(os.environ["TEST_DATABASE"]))
from django.conf import settings
settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = True
from providers.courier import Courier, drain
courier = Courier()
while True:
    courier.step()
"""


@pytest.mark.django_db(transaction=True)
def test_after_kill_9_in_mid_delivery_it_is_delivered_again(endpoint, server):
    server.keeps_silent()
    opt_in()
    known = connections["default"].settings_dict
    database = {name: known[name] for name in ("HOST", "NAME", "USER", "PASSWORD", "PORT")}
    environment = {**os.environ, "TEST_DATABASE": json.dumps(database)}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD], env=environment, cwd=Path(__file__).parents[2]
    )
    try:
        assert server.arrived.wait(PATIENCE * 3)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait(PATIENCE)
    assert statuses() == ["sending"]
    server._script[:] = []
    server.answers(200)
    assert drain() == 0
    time_passes(seconds=61)
    deliveries.reap()
    drain()
    assert statuses() == ["succeeded"]
    first, second = server.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


def test_a_secret_that_cannot_be_read_keeps_no_other_subscriber_waiting(
    endpoint, server, settings, caplog
):
    with connection.cursor() as cursor:
        lost = EndpointFactory(url=server.base_url, triggers=CHANGES)
        cursor.execute(
            "UPDATE providers_webhookendpoint SET secret = 'lost' WHERE id = %s", [lost.id]
        )
    server.answers(200)
    opt_in()
    busy = Courier()
    for _ in range(10):
        busy.step()
    busy.finish()
    assert [one.status for one in owed(endpoint)] == ["succeeded"]
    assert [one.status for one in owed(lost)] == ["pending"]
    assert "FIELD_ENCRYPTION_KEYS" in caplog.text


def test_what_the_database_refuses_of_one_answer_does_not_keep_the_others(
    endpoint, server, monkeypatch
):
    def answer(parcel, now):
        text = "\0" if parcel.body["data"]["identity"] == NUMBER else ""
        return deliveries.Reply(200, text)

    monkeypatch.setattr(courier, "post", answer)
    opt_in()
    opt_in("447700900001")
    drain()
    assert sorted(statuses()) == ["sending", "succeeded"]


def test_a_sweep_by_hand_tells_subscribers_too(endpoint, server, capsys):
    server.answers(200)
    opt_in()
    call_command("sweep")
    assert "notified=1" in capsys.readouterr().out
    assert statuses() == ["succeeded"]


def test_an_endpoint_deleted_meanwhile_ends_its_calls_in_peace(endpoint, server):
    server.answers(200)
    opt_in()
    [parcel] = deliveries.claim(endpoint.id, 1)
    subscribers.delete(endpoint)
    deliveries.settle([deliveries.Returned(parcel, deliveries.Reply(200))])
    assert owed() == []


@pytest.mark.django_db(transaction=True)
def test_the_worker_delivers_and_stops_when_told(endpoint, server):
    server.answers(200)
    opt_in()
    stop = threading.Event()

    def run():
        try:
            Worker().run(stop)
        finally:
            connections["default"].close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert server.arrived.wait(PATIENCE)
    stop.set()
    thread.join(PATIENCE * 2)
    assert not thread.is_alive()
    assert statuses() == ["succeeded"]


# --- never inwards


def test_where_its_name_leads_is_asked_at_the_connection(endpoint, server, settings):
    """It was allowed when it was made; what counts is when it is called."""
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    server.answers(200)
    opt_in()
    drain()
    [row] = owed()
    assert (row.status, row.text.split(":")[0]) == ("pending", "address_refused")
    assert server.received == []


def test_plain_http_is_asked_about_at_the_call_too(endpoint, server, settings):
    settings.WEBHOOKS_ALLOW_HTTP = False
    server.answers(200)
    opt_in()
    drain()
    [row] = owed()
    assert (row.status, row.text.split(":")[0]) == ("pending", "http_refused")
    assert server.received == []


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f000001", "127.1"])
def test_other_spellings_of_this_machine_are_refused_too(sender, server, settings, host):
    port = server.base_url.rpartition(":")[2]
    endpoint = EndpointFactory(url="https://subscriber.example/", triggers=CHANGES)
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    endpoint.url = f"http://{host}:{port}/"
    endpoint.save()
    server.answers(200)
    opt_in()
    drain()
    assert owed()[0].status == "pending"
    assert server.received == []


def lookup(monkeypatch, *answers):
    """The name `subscriber.example` leads there, one answer after the other, the last for ever."""
    script, asked = list(answers), []

    def found(host, port, **options):
        asked.append(host)
        addresses = script.pop(0) if len(script) > 1 else script[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(deadlines.socket, "getaddrinfo", found)
    return asked


def send(url, vet):
    return http.send(Request("POST", url, body=b"{}"), seconds=2, vet=vet)


def test_one_refused_address_among_good_ones_condemns_the_host(server, monkeypatch):
    server.answers(200)
    lookup(monkeypatch, ["127.0.0.1", "10.0.0.1"])
    url = server.base_url.replace("127.0.0.1", "subscriber.example")
    with pytest.raises(http.AccountError, match="address_refused"):
        send(url, lambda address: address == "127.0.0.1")
    assert server.received == []


def test_a_name_that_is_answered_otherwise_the_second_time_gains_nothing(server, monkeypatch):
    """What was asked about is what is connected to; the name is looked up once."""
    server.answers(200)
    asked = lookup(monkeypatch, ["127.0.0.1"], ["10.0.0.1"])
    url = server.base_url.replace("127.0.0.1", "subscriber.example")
    assert send(url, lambda address: address == "127.0.0.1").status == 200
    assert asked == ["subscriber.example"]


def test_a_connection_that_a_providers_call_left_open_is_no_way_around(server):
    server.answers(200)
    http.send(Request("POST", server.base_url, body=b"{}"), seconds=2)
    with pytest.raises(http.AccountError, match="address_refused"):
        send(server.base_url, lambda address: False)
    assert len(server.received) == 1


def test_over_tls_the_name_is_what_the_certificate_must_fit(server, monkeypatch):
    """The address is the one asked about; the handshake still names the host."""
    named = []
    real = ssl.SSLContext.wrap_socket

    def note(self, sock, *given, **options):
        named.append(options.get("server_hostname"))
        return real(self, sock, *given, **options)

    monkeypatch.setattr(ssl.SSLContext, "wrap_socket", note)
    lookup(monkeypatch, ["127.0.0.1"])
    url = server.base_url.replace("http://127.0.0.1", "https://subscriber.example")
    with pytest.raises(http.AccountError, match="tls_failed"):
        send(url, lambda address: True)
    assert named == ["subscriber.example"]


# --- endpoints


def test_a_secret_is_encrypted_where_it_is_kept(endpoint):
    secret = secret_of(endpoint)
    assert secret.startswith("whsec_")
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM providers_webhookendpoint")
        [stored] = cursor.fetchone()
    assert secret.encode() not in bytes(stored)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"url": "ftp://subscriber.example/"}, "invalid_url"),
        ({"triggers": []}, "triggers_required"),
        ({"triggers": ["TEST"]}, "unknown_trigger"),
        ({"triggers": ["NEWS"]}, "unknown_trigger"),
        ({"signature": "md5"}, "unknown_signature"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(endpoint, fields, code):
    wanted = {"url": "https://subscriber.example/", "triggers": CHANGES, **fields}
    with pytest.raises(ConsentError) as refused:
        subscribers.create(Sender.objects.get(), **wanted)
    assert refused.value.code == code
    with pytest.raises(ConsentError):
        subscribers.change(endpoint, **fields)


def test_a_test_notification_arrives(endpoint, server):
    server.answers(200)
    subscribers.test(endpoint)
    drain()
    [got] = server.received
    assert got.document["type"] == got.headers["optbook-trigger"] == "TEST"


def test_an_endpoint_that_is_off_cannot_be_tested(endpoint):
    off = subscribers.change(endpoint, is_active=False)
    with pytest.raises(ConsentError, match="off or paused"):
        subscribers.test(off)


def test_everything_since_a_time_is_delivered_again_in_order(endpoint, server):
    server.answers(200)
    opt_in()
    time_passes(hours=2)
    opt_out()
    opt_in()
    drain()
    assert subscribers.redeliver_since(endpoint, ago(hours=1)) == 2
    drain()
    again = server.received[3:]
    assert [one.document["data"]["action"] for one in again] == ["opt_out", "opt_in"]
    assert {one.headers["webhook-id"] for one in again} == {str(one.id) for one in owed()[1:]}


def test_what_ended_long_ago_is_forgotten_and_what_waits_for_nobody_ends(endpoint, server):
    server.answers(200)
    opt_in()
    drain()
    opt_out()
    subscribers.change(endpoint, is_active=False)
    time_passes(days=31)
    month = timedelta(days=30)
    assert deliveries.purge(month) == 1
    assert statuses() == ["failed"]
    assert deliveries.purge(month) == 0

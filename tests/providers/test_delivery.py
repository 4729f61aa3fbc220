"""From a recorded consent to the providers' books: the whole way, with a database and sandbox."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from consents.models import Standing
from consents.writing import database_clock
from providers import circuit, lanes, registry
from providers.models import ProviderAccount, ProviderSync, SyncAttempt
from providers.worker import Worker
from tests.consents.factories import NUMBER, MessageFactory
from tests.providers.factories import (
    CREDENTIALS,
    AccountFactory,
    british_numbers,
    fetched,
    let_pass,
    newest,
    opt_in,
    opt_in_many,
    opt_out,
    rows,
    stop,
    told,
)

pytestmark = pytest.mark.django_db

PROVIDERS = registry.kinds()
BOOKED_AS = {True: "opted_in", False: "opted_out"}


def held(sandbox, number=NUMBER):
    return {sandbox.state_of(provider, number) for provider in PROVIDERS}


def ledger():
    """What every provider ought to hold."""
    standings = Standing.objects.exclude(may_write=None).select_related("identity")
    return {one.identity.address: BOOKED_AS[one.may_write] for one in standings}


def sweep():
    """As somebody who has come back after a while; whether somebody is needed is another test."""
    let_pass(minutes=20)
    try:
        call_command("sweep")
    except SystemExit:
        return False
    return True


# --- one change, three providers


def test_an_opt_in_and_an_opt_out_reach_all_three_providers(sandbox, all_three):
    opt_in()
    Worker().drain()
    assert held(sandbox) == {"opted_in"}
    opt_out()
    Worker().drain()
    assert held(sandbox) == {"opted_out"}


def test_a_repeated_opt_in_reaches_no_provider(sandbox, all_three):
    opt_in()
    Worker().drain()
    before = len(sandbox.consent_calls())
    assert opt_in().effective is False
    assert Worker().drain() == 0
    assert len(sandbox.consent_calls()) == before


def test_the_stop_of_somebody_the_providers_hold_and_nobody_recorded_reaches_them(
    sandbox, all_three
):
    for provider in PROVIDERS:
        sandbox.preload(provider, {NUMBER: "opted_in"})
    MessageFactory(text="STOP")
    Worker().drain()
    assert held(sandbox) == {"opted_out"}


def test_an_account_configured_later_is_told_opt_outs_first(sender, sandbox):
    people = list(british_numbers(6))
    opt_in_many(people)
    for person in people[4:]:
        stop(person)
    AccountFactory(sender=sender, base_url=sandbox.url)
    Worker().drain()
    assert sandbox.state("pepipost") == ledger()
    owed = ProviderSync.objects.order_by("seq").values_list("kind", flat=True)
    assert list(owed) == ["opt_out"] * 2 + ["opt_in"] * 4


# --- batches


def test_forty_five_numbers_reach_sinch_whatsapp_in_few_calls(sandbox, whatsapp):
    opt_in_many(list(british_numbers(45)))
    Worker().drain()
    calls = sandbox.consent_calls("sinch_whatsapp")
    assert 3 <= len(calls) <= 6
    assert max(len(call["numbers"]) for call in calls) <= 20
    assert sandbox.state("sinch_whatsapp") == ledger()


def test_of_fifteen_with_one_bad_number_fourteen_arrive_and_one_fails(sandbox, whatsapp):
    people = list(british_numbers(15))
    sandbox.fault("sinch_whatsapp", "bad_numbers", numbers=[people[7]])
    opt_in_many(people)
    Worker().drain()
    assert set(sandbox.state("sinch_whatsapp")) == set(people) - {people[7]}
    bad = newest(whatsapp, people[7])
    assert (bad.status, bad.reason, bad.attempts) == ("failed", "rejected", 1)
    assert all(row.attempts == 0 for row in rows(whatsapp) if row.id != bad.id)
    assert len(sandbox.consent_calls()) <= 10


def test_two_bad_numbers_in_different_halves_are_both_found(sandbox, whatsapp):
    people = list(british_numbers(20))
    bad = {people[2], people[17]}
    sandbox.fault("sinch_whatsapp", "bad_numbers", numbers=sorted(bad))
    opt_in_many(people)
    Worker().drain()
    assert set(sandbox.state("sinch_whatsapp")) == set(people) - bad
    assert {row.identity.address for row in rows(whatsapp) if row.status == "failed"} == bad


def test_a_bad_number_is_found_among_opt_outs_too_and_stays_owed(sandbox, whatsapp):
    people = list(british_numbers(5))
    sandbox.fault("sinch_whatsapp", "bad_numbers", numbers=people[:1])
    for person in people:
        stop(person)
    Worker().drain()
    assert set(sandbox.state("sinch_whatsapp")) == set(people[1:])
    sandbox.clear_faults()
    let_pass(hours=25)
    call_command("sweep")
    assert sandbox.state("sinch_whatsapp") == ledger()


# --- faults: nothing is lost, opt-outs win, a sweep brings the rest


FAULTS = {
    "500": {"fault": "status", "status": 500},
    "503 html but applied": {
        "fault": "status",
        "status": 503,
        "body": "html",
        "applied": "before",
    },
    "429": {"fault": "status", "status": 429, "retry_after": 7},
    "401": {"fault": "status", "status": 401},
    "html": {"fault": "html"},
    "redirect": {"fault": "redirect"},
    "dropped": {"fault": "drop_before_applying"},
    "dropped but applied": {"fault": "drop_after_applying", "reset": True},
    "broken off": {"fault": "truncated"},
    "time-out": {"fault": "slow", "seconds": 0.5, "applied": "before"},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_through_a_fault_of_all_providers_nothing_is_lost(sandbox, all_three, fault, monkeypatch):
    monkeypatch.setattr(lanes, "CALL_SECONDS", 0.2)
    people = list(british_numbers(6))
    opt_in_many(people[:3])
    Worker().drain()
    sandbox.fault(None, **fault)
    for person in people[:2]:
        stop(person)
    opt_in_many(people[3:])
    Worker().drain()
    stop(people[3])
    sweep()
    assert not ProviderSync.objects.filter(status="failed").exists()
    assert not ProviderSync.objects.filter(attempts__gt=0).exists()
    sandbox.clear_faults()
    for _ in range(3):
        sweep()
    expected = ledger()
    assert [expected[person] for person in people] == ["opted_out"] * 2 + ["opted_in"] + [
        "opted_out"
    ] + ["opted_in"] * 2
    for provider in PROVIDERS:
        assert sandbox.state(provider) == expected
    assert not ProviderAccount.objects.filter(pauses__gt=0).exists()
    assert sweep()


@pytest.mark.parametrize(
    ("fault", "provider"),
    [
        ("invalid_client", "sinch_conversation"),
        ("expired_token", "sinch_conversation"),
        ("rate_limited", "sinch_whatsapp"),
        ("optout_missing", "sinch_whatsapp"),
        ("update_error", "pepipost"),
        ("changed_success_text", "pepipost"),
    ],
)
def test_through_a_fault_of_one_provider_it_comes_right_too(sandbox, all_three, fault, provider):
    opt_in_many(list(british_numbers(3)))
    sandbox.fault(provider, fault)
    Worker().drain()
    stop(next(british_numbers(1)))
    sweep()
    sandbox.clear_faults()
    for _ in range(3):
        sweep()
    assert {one: sandbox.state(one) == ledger() for one in PROVIDERS} == dict.fromkeys(
        PROVIDERS, True
    )


def test_one_provider_that_is_down_holds_no_other_up(sandbox, all_three):
    sandbox.fault("pepipost", "status", status=503)
    opt_in()
    Worker().drain()
    assert sandbox.state_of("pepipost", NUMBER) is None
    assert sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_in"
    assert sandbox.state_of("sinch_conversation", NUMBER) == "opted_in"


def test_a_provider_that_is_down_is_not_hammered(sandbox, whatsapp):
    """The first call that fails pauses the account: no more go out than were under way."""
    sandbox.fault(None, "status", status=503, retry_after=60)
    opt_in_many(list(british_numbers(300)))
    Worker().drain()
    assert len(sandbox.consent_calls()) <= lanes.CALLS_AT_ONCE
    assert not ProviderSync.objects.filter(status="sending").exists()


@pytest.mark.parametrize(("asked", "waits"), [(7, 7), (3600, 900)])
def test_the_wait_asked_for_with_a_429_is_kept(sandbox, whatsapp, asked, waits):
    sandbox.fault(None, "status", status=429, retry_after=asked)
    opt_in()
    Worker().drain()
    left = fetched(whatsapp).paused_until - database_clock()
    assert timedelta(seconds=waits - 5) < left <= timedelta(seconds=waits)
    sandbox.clear_faults()
    let_pass(seconds=waits - 5)
    assert Worker().drain() == 0
    let_pass(seconds=6)
    assert Worker().drain() == 1


def test_one_row_that_always_fails_does_not_keep_the_others(sandbox, whatsapp):
    """It comes with a fault of the account, but others pass: after a while it waits alone."""
    people = list(british_numbers(8))
    sandbox.fault("sinch_whatsapp", "status", status=500, numbers=[people[0]])
    opt_in(people[0])
    Worker().drain()
    opt_in_many(people[1:])
    for _ in range(4):
        let_pass(minutes=2)
        Worker().drain()
    assert set(sandbox.state("sinch_whatsapp")) == set(people[1:])
    assert newest(whatsapp, people[0]).attempts >= 1
    assert fetched(whatsapp).pauses == 0


def test_twenty_numbers_refused_alike_pause_the_account_and_a_person_is_asked(sandbox, whatsapp):
    people = list(british_numbers(25))
    sandbox.fault("sinch_whatsapp", "bad_numbers", numbers=people)
    opt_in_many(people)
    Worker().drain()
    seen = fetched(whatsapp)
    assert seen.fault == "refusing"
    failed = ProviderSync.objects.filter(status="failed", reason="rejected").count()
    assert circuit.REFUSALS_MAX <= failed <= len(people)
    with pytest.raises(SystemExit):
        call_command("sweep")


# --- late landings


def until(condition):
    """Waits for what the provider does by itself, five seconds at most."""
    pause = threading.Event()
    for _ in range(250):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_opt_in_that_lands_after_the_opt_out_is_overwritten_within_two_minutes(
    sandbox, all_three, provider
):
    sandbox.fault(provider, "lands_late", seconds=60, actions=["opt_in"], count=1)
    opt_in()
    Worker().drain()
    stop()
    let_pass(seconds=2)
    Worker().drain()
    assert sandbox.state_of(provider, NUMBER) == "opted_out"
    sandbox.clear_faults()
    until(lambda: sandbox.state_of(provider, NUMBER) == "opted_in")
    assert not ProviderSync.objects.filter(due_at__gt=database_clock() + timedelta(minutes=2))
    let_pass(seconds=61)
    Worker().drain()
    assert sandbox.state_of(provider, NUMBER) == "opted_out"
    let_pass(minutes=10)
    assert Worker().drain() == 0


# --- what may be seen


def test_no_log_attempt_or_row_shows_a_credential_or_a_number(sandbox, all_three, caplog):
    secrets = {NUMBER, "192.0.2.77"}
    for provider in PROVIDERS:
        own = CREDENTIALS[provider].get("token") or CREDENTIALS[provider]["key_secret"]
        secrets.add(own)
        echo = f"{own} is no good for {NUMBER} at 192.0.2.77"
        sandbox.fault(provider, "status", status=503, message=echo, count=1)
    with caplog.at_level(logging.DEBUG):
        opt_in(ip="192.0.2.77")
        Worker().drain()
        let_pass(minutes=2)
        Worker().drain()
    assert SyncAttempt.objects.count() >= 6
    kept = [caplog.text]
    for model in (SyncAttempt, ProviderSync):
        kept += [str(row) for row in model.objects.values()]
    accounts = ProviderAccount.objects.values("fault_code", "fault_text")
    kept += [str(row) for row in accounts]
    shown = {secret for secret in secrets for text in kept if secret in text}
    assert shown == set()


def test_credentials_lie_encrypted_in_the_database(account):
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials::text FROM providers_provideraccount")
        [stored] = cursor.fetchone()
    assert CREDENTIALS["pepipost"]["token"] not in stored
    assert fetched(account).credentials == CREDENTIALS["pepipost"]


def test_source_ip_and_user_agent_of_the_line_reach_pepipost(sender, server):
    server.answers(200, {"status": "success", "message": "Optin successfully added."})
    AccountFactory(sender=sender, base_url=server.base_url)
    opt_in(source="CHECKOUT", ip="192.0.2.7", user_agent="Firefox")
    Worker().drain()
    assert server.received[0].document["recipients"] == [
        {
            "recipient": NUMBER,
            "source": "CHECKOUT",
            "user_agent": "Firefox",
            "ip": "192.0.2.7",
        }
    ]


def test_words_with_nul_bytes_do_not_jam_the_row(sender, server):
    words = {"status": "failure", "error": {"code": "8005", "message": "no\0pe"}}
    server.answers(200, words)
    account = AccountFactory(sender=sender, base_url=server.base_url)
    opt_in()
    Worker().drain()
    assert told(account) == [("opt_in", "pending")]
    assert newest(account).attempts == 1

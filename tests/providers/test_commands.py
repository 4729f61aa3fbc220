"""The operators' commands: what they do, print, refuse, and how they end."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from providers.management.commands import sweep as sweep_command
from providers.management.commands import worker as worker_command
from providers.models import ProviderAccount, ProviderSync
from tests.consents.factories import NUMBER, OTHER_NUMBER, SenderFactory
from tests.providers.factories import (
    AccountFactory,
    claim,
    fetched,
    let_pass,
    newest,
    opt_in,
    opt_out,
    told,
)

pytestmark = pytest.mark.django_db

TOKEN = "s3cret-of-the-provider"


# --- configure_provider


def configure(*words, **options):
    """What it printed to either side, and its last line."""
    out, err = StringIO(), StringIO()
    call_command("configure_provider", *words, stdout=out, stderr=err, **options)
    return out.getvalue() + err.getvalue(), out.getvalue().splitlines()[-1]


def pepipost(*words, url="https://api.example", name="Main", sender="default", kind="pepipost"):
    given = [kind, "--sender", sender, "--name", name, "--base-url", url]
    return configure(*given, *(words or ("--set", f"token={TOKEN}")))


def test_an_account_is_made_and_its_id_printed_alone_on_the_last_line(sender):
    _, last = pepipost()
    account = ProviderAccount.objects.get()
    assert last == str(account.id)
    assert (account.kind, account.name, account.base_url) == (
        "pepipost",
        "Main",
        "https://api.example",
    )
    assert account.credentials == {"token": TOKEN}


def test_the_same_name_updates_and_prints_the_same_id(sender):
    _, first = pepipost()
    _, second = pepipost("--set", "token=another", url="https://other.example")
    assert first == second
    account = ProviderAccount.objects.get()
    assert (account.base_url, account.credentials) == (
        "https://other.example",
        {"token": "another"},
    )


def test_what_is_not_named_again_stays(sender):
    configure(
        *(
            "sinch_whatsapp",
            "--sender",
            "default",
            "--name",
            "W",
            "--base-url",
            "https://a.example",
        ),
        *("--external-id", "bot-1", "--set", f"token={TOKEN}", "opt_out_method=post"),
    )
    configure(
        *("sinch_whatsapp", "--sender", "default", "--name", "W", "--base-url", "https://b.example")
    )
    account = ProviderAccount.objects.get()
    assert (account.external_id, account.credentials) == ("bot-1", {"token": TOKEN})
    assert account.settings == {"opt_out_method": "post"}


def test_the_same_name_under_another_sender_is_another_account(sender):
    SenderFactory(key="other")
    _, first = pepipost()
    _, second = pepipost(sender="other")
    assert first != second


def test_no_secret_is_printed(sender):
    printed, _ = pepipost()
    assert TOKEN not in printed


def test_a_secret_can_be_read_from_a_file(sender, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    pepipost("--set", f"token=@{tmp_path / 'token'}")
    assert ProviderAccount.objects.get().credentials == {"token": TOKEN}


def test_a_new_account_is_told_what_is_known(sender):
    opt_in()
    pepipost()
    assert told(ProviderAccount.objects.get()) == [("opt_in", "pending")]


def test_with_baseline_it_is_taken_to_know(sender):
    opt_in()
    pepipost("--baseline", "--set", f"token={TOKEN}")
    assert told(ProviderAccount.objects.get()) == [("opt_in", "succeeded")]


REFUSED = {
    "unknown kind": (lambda: pepipost(kind="carrier_pigeon"), "invalid choice"),
    "unknown sender": (lambda: pepipost(sender="nobody"), "no sender 'nobody'"),
    "no credential": (lambda: pepipost("--baseline"), "credential 'token' is missing"),
    "empty credential": (lambda: pepipost("--set", "token="), "credential 'token' is missing"),
    "line break": (lambda: pepipost("--set", "token=a\r\nb: c"), "characters no header can carry"),
    "plain http": (lambda: pepipost(url="http://api.example"), "https://"),
    "no url": (lambda: pepipost(url="api.example"), "not an http or https URL"),
    "user in url": (lambda: pepipost(url="https://u:p@api.example"), "no user"),
    "no equals sign": (lambda: pepipost("--set", "token"), "NAME=VALUE"),
    "no name": (lambda: pepipost("--set", "=value"), "NAME=VALUE"),
    "no file": (lambda: pepipost("--set", "token=@/nowhere/at/all"), "cannot be read"),
    "name too long": (
        lambda: pepipost("--set", f"token={TOKEN}", name="n" * 201),
        "at most 200 characters",
    ),
}


@pytest.mark.parametrize(("attempt", "says"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_in_words_and_nothing_is_saved(sender, attempt, says):
    with pytest.raises(CommandError) as refusal:
        attempt()
    assert says in str(refusal.value)
    assert TOKEN not in str(refusal.value)
    assert not ProviderAccount.objects.exists()


@pytest.mark.parametrize("url", ["http://127.0.0.1:8001", "http://localhost:1", "http://[::1]:2"])
def test_plain_http_is_allowed_to_this_machine(sender, url):
    pepipost(url=url)
    assert ProviderAccount.objects.get().base_url == url


def test_plain_http_elsewhere_is_allowed_where_a_setting_says_so(sender):
    pepipost("--set", f"token={TOKEN}", "allow_http=yes", url="http://api.example")
    assert ProviderAccount.objects.get().settings == {"allow_http": "yes"}


def test_each_missing_credential_of_sinch_conversation_is_named(sender):
    with pytest.raises(CommandError) as refusal:
        configure(
            *("sinch_conversation", "--sender", "default", "--name", "C"),
            *("--base-url", "https://eu.conversation.example", "--set", "key_id=k"),
        )
    for name in ("key_secret", "project_id", "app id"):
        assert name in str(refusal.value)


def test_an_account_does_not_change_its_kind(sender):
    pepipost()
    with pytest.raises(CommandError, match="of kind pepipost"):
        pepipost("--external-id", "b", "--set", f"token={TOKEN}", kind="sinch_whatsapp")


def test_a_bot_belongs_to_one_account(sender):
    words = ("--base-url", "https://a.example", "--external-id", "bot", "--set", f"token={TOKEN}")
    configure("sinch_whatsapp", "--sender", "default", "--name", "one", *words)
    with pytest.raises(CommandError):
        configure("sinch_whatsapp", "--sender", "default", "--name", "two", *words)
    assert ProviderAccount.objects.count() == 1


def test_an_update_that_is_refused_changes_nothing(sender):
    pepipost()
    with pytest.raises(CommandError):
        pepipost("--set", "token=changed", url="http://api.example")
    account = ProviderAccount.objects.get()
    assert (account.base_url, account.credentials) == ("https://api.example", {"token": TOKEN})


@contextmanager
def handlers_kept():
    """The commands take the signals over; afterwards they are the test run's again."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


# --- sweep


def sweep(*words):
    """Its line of counts and its exit status."""
    out, status = StringIO(), 0
    try:
        call_command("sweep", *words, stdout=out)
    except SystemExit as end:
        status = int(end.code or 0)
    [line] = out.getvalue().splitlines()
    return line, status


def test_a_sweep_with_nothing_to_do_says_so_and_ends_well(sender):
    line, status = sweep()
    assert status == 0
    assert "freed=0" in line
    assert "calls=0" in line
    assert "needs a person: failed=0 " in line


def test_a_sweep_sends_what_is_due(whatsapp, sandbox):
    opt_in()
    line, status = sweep()
    assert ("calls=1" in line, status) == (True, 0)
    assert sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_in"


def test_a_sweep_probes_a_paused_account_once(whatsapp, sandbox):
    sandbox.fault(None, "status", status=429, retry_after=600)
    opt_in()
    opt_in(OTHER_NUMBER)
    assert "calls=1" in sweep()[0]
    assert "calls=1" in sweep()[0]
    assert len(sandbox.consent_calls()) == 2
    sandbox.clear_faults()
    assert "calls=2" in sweep()[0]
    assert set(sandbox.state("sinch_whatsapp")) == {NUMBER, OTHER_NUMBER}


def test_a_sweep_that_leaves_something_for_a_person_ends_with_one(whatsapp, sandbox):
    sandbox.fault("sinch_whatsapp", "bad_numbers", numbers=[NUMBER])
    opt_in()
    line, status = sweep()
    assert (status, "needs a person: failed=1" in line) == (1, True)


def test_wrong_credentials_need_a_person_and_mended_ones_end_it(whatsapp, sandbox):
    sandbox.fault(None, "status", status=401)
    opt_in()
    assert sweep()[1] == 1
    sandbox.clear_faults()
    assert sweep()[1] == 0


def test_a_sweep_tries_rejected_rows_again_only_when_told_to(whatsapp, sandbox):
    fault = sandbox.fault("sinch_whatsapp", "bad_numbers", numbers=[NUMBER])
    opt_in()
    sweep()
    sandbox.clear_faults(fault)
    assert sweep()[1] == 1
    assert sweep("--reason", "rejected")[1] == 0
    assert sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_in"


@pytest.mark.parametrize("by", ["id", "name"])
def test_a_sweep_of_one_account_leaves_the_others(sender, sandbox, by):
    one = AccountFactory(sender=sender, base_url=sandbox.url)
    other = AccountFactory(sender=sender, base_url=sandbox.url)
    opt_in()
    sweep("--account", str(getattr(one, by)))
    assert told(one) == [("opt_in", "succeeded")]
    assert told(other) == [("opt_in", "pending")]


def test_a_sweep_frees_what_a_killed_worker_held(whatsapp, sandbox):
    opt_in()
    claim(whatsapp)
    opt_out()
    let_pass(seconds=61)
    line, _ = sweep()
    assert "freed=1" in line
    assert sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_out"
    assert newest(whatsapp).kind == "opt_out"


@pytest.mark.parametrize("words", [("--account", "nobody"), ("--reason", "boredom")])
def test_a_sweep_of_what_is_not_there_is_refused(sender, words):
    with pytest.raises(CommandError):
        call_command("sweep", *words)


def test_a_loop_goes_on_until_told_to_stop(sender, monkeypatch):
    monkeypatch.setattr(sweep_command, "EVERY_SECONDS", 0.01)
    sweeps = []

    def stop_after_three(command, options):
        sweeps.append(1)
        if len(sweeps) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(sweep_command.Command, "_sweep", stop_after_three)
    with handlers_kept():
        call_command("sweep", "--loop")
    assert len(sweeps) == 3


def test_a_loop_outlives_a_database_that_is_away(sender, monkeypatch):
    monkeypatch.setattr(sweep_command, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(sweep_command, "close_old_connections", lambda: None)
    sweeps = []

    def fail_once(command, options):
        sweeps.append(1)
        if len(sweeps) == 1:
            raise OperationalError("gone")
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(sweep_command.Command, "_sweep", fail_once)
    err = StringIO()
    with handlers_kept():
        call_command("sweep", "--loop", stderr=err)
    assert len(sweeps) == 2
    assert "OperationalError" in err.getvalue()


# --- worker


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_worker_is_told_to_stop_by_a_signal_and_says_when_it_begins(
    sender, monkeypatch, capsys, number
):
    told_to_stop = []

    class Watched:
        def run(self, stop):
            os.kill(os.getpid(), number)
            told_to_stop.append(stop.wait(5))

    monkeypatch.setattr(worker_command, "Worker", Watched)
    with handlers_kept():
        call_command("worker")
    assert told_to_stop == [True]
    assert capsys.readouterr().out == "The worker is at work.\n"


def test_nothing_of_an_account_can_be_printed_by_accident(account):
    shown = [repr(fetched(account)), str(account), repr(account.plain)]
    shown.append(json.dumps(list(ProviderSync.objects.values("id")), default=str))
    assert not [text for text in shown if "sandbox-pepipost-token" in text]

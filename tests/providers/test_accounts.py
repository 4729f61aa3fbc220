"""A new account learns what is known already, whatever is recorded or killed in between."""

from __future__ import annotations

import threading
from itertools import takewhile

import pytest
from django.db import connection, transaction

from providers import accounts, outbox
from providers.models import ProviderAccount, ProviderSync
from tests.consents.factories import NUMBER, OTHER_NUMBER, SenderFactory
from tests.providers.factories import (
    AccountFactory,
    british_numbers,
    claim,
    fetched,
    opt_in,
    opt_in_many,
    opt_out,
    rows,
    stop,
    told,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(accounts, "CHUNK", 2)


def unsaved(sender, **fields):
    made = AccountFactory(sender=sender, is_enabled=False, **fields)
    made.is_enabled = True
    return made


def catch_up(account, steps=1000):
    """How many steps it took; at most `steps`."""
    return sum(1 for _ in takewhile(bool, (accounts.catch_up(account.id) for _ in range(steps))))


def test_a_new_account_is_told_every_known_state_opt_outs_first(sender, small_chunks):
    people = list(british_numbers(9))
    opt_in_many(people)
    for person in people[3:7]:
        opt_out(person)
    account = AccountFactory(sender=sender)
    kinds = [kind for kind, _ in told(account)]
    assert kinds == ["opt_out"] * 4 + ["opt_in"] * 5
    assert fetched(account).catch_up == ""


def test_what_it_is_told_first_also_goes_first(sender):
    opt_in(NUMBER)
    stop(OTHER_NUMBER)
    account = AccountFactory(sender=sender)
    assert [call.changes[0].identity for call in claim(account)] == [OTHER_NUMBER, NUMBER]


def test_with_a_baseline_the_states_count_as_known_and_no_call_is_made(sender):
    opt_in(NUMBER)
    stop(OTHER_NUMBER)
    account = AccountFactory(sender=sender, is_baseline=True)
    assert told(account) == [("opt_out", "succeeded"), ("opt_in", "succeeded")]
    assert {row.code for row in rows(account)} == {"baseline"}
    assert claim(account) == []


def test_after_a_baseline_only_changes_are_told(sender):
    opt_in(NUMBER)
    account = AccountFactory(sender=sender, is_baseline=True)
    opt_in(NUMBER)
    opt_out(NUMBER)
    assert told(account) == [("opt_in", "succeeded"), ("opt_out", "pending")]


def test_a_person_of_another_sender_or_channel_is_not_told(sender):
    opt_in(sender=SenderFactory())
    opt_in(OTHER_NUMBER, channel="SMS")
    assert told(AccountFactory(sender=sender)) == []


def test_an_account_that_is_saved_again_is_told_nothing_twice(account):
    opt_in()
    account.name = "renamed"
    accounts.save(account)
    assert catch_up(account) == 0
    assert told(account) == [("opt_in", "pending")]


def test_switched_off_and_on_again_it_is_told_what_it_missed(account):
    opt_in(NUMBER)
    opt_in(OTHER_NUMBER)
    account.is_enabled = False
    accounts.save(account)
    stop(NUMBER)
    account.is_enabled = True
    accounts.save(account)
    assert catch_up(account)
    assert told(account, NUMBER) == [("opt_in", "superseded"), ("opt_out", "pending")]
    assert told(account, OTHER_NUMBER) == [("opt_in", "pending")]


def test_switched_on_again_it_sends_nothing_that_is_out_of_date(account):
    """The opt-in that waited is older than the stop it never heard of."""
    opt_in()
    account.is_enabled = False
    accounts.save(account)
    stop()
    account.is_enabled = True
    accounts.save(account)
    assert claim(account) == []
    catch_up(account)
    [call] = claim(account)
    assert call.changes[0].kind == "opt_out"


def test_an_account_that_comes_to_serve_another_channel_is_told_of_it(sender):
    account = AccountFactory(sender=sender, kind="sinch_conversation")
    opt_in(OTHER_NUMBER, channel="SMS")
    assert told(account) == []
    account.settings["channels"] = "WHATSAPP,SMS"
    accounts.save(account)
    catch_up(account)
    assert told(account) == [("opt_in", "pending")]


def test_killed_in_between_it_goes_on_where_it_was(sender, small_chunks):
    opt_in_many(list(british_numbers(7)))
    account = unsaved(sender)
    accounts.save(account)
    catch_up(account, steps=3)
    assert 0 < len(rows(account)) < 7
    catch_up(account)
    assert len(rows(account)) == 7


def test_a_chunk_is_put_in_whole_or_not_at_all(sender, small_chunks, monkeypatch):
    opt_in_many(list(british_numbers(3)))
    account = unsaved(sender)
    accounts.save(account)
    before = fetched(account).catch_up_after

    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(accounts, "_advance", die)
    with pytest.raises(KeyboardInterrupt):
        accounts.catch_up(account.id)
    assert rows(account) == []
    assert fetched(account).catch_up_after == before


def test_whoever_opts_out_while_it_catches_up_ends_opted_out(sender, small_chunks):
    people = list(british_numbers(5))
    opt_in_many(people)
    account = unsaved(sender)
    accounts.save(account)
    catch_up(account, steps=2)
    for person in people:
        stop(person)
    catch_up(account)
    for person in people:
        assert told(account, person)[-1] == ("opt_out", "pending")


def test_catching_up_as_a_baseline_does_not_hide_a_stop_recorded_meanwhile(sender):
    opt_in(NUMBER)
    account = unsaved(sender)
    accounts.save(account, is_baseline=True)
    stop(NUMBER)
    catch_up(account)
    assert told(account) == [("opt_out", "pending")]


def test_switched_off_while_catching_up_it_stops(sender, small_chunks):
    opt_in_many(list(british_numbers(5)))
    account = unsaved(sender)
    accounts.save(account)
    catch_up(account, steps=2)
    account.is_enabled = False
    accounts.save(account)
    assert accounts.catch_up(account.id) == 0


def test_switched_on_again_in_mid_step_it_begins_anew(sender, small_chunks, monkeypatch):
    """The step that was under way must not skip what was changed while it was off."""
    opt_in_many(list(british_numbers(5)))
    account = unsaved(sender)
    accounts.save(account)
    catch_up(account, steps=2)
    enqueue = outbox.enqueue

    def meanwhile(*given, **options):
        for is_on in (False, True):
            account.is_enabled = is_on
            accounts.save(account)
        return enqueue(*given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "enqueue", meanwhile)
        accounts.catch_up(account.id)
    assert fetched(account).catch_up_after is None
    catch_up(account)
    assert len(rows(account)) == 5


# --- recording while an account is switched on; connections of their own


def in_a_thread(work):
    def run():
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_switching_on_waits_for_whoever_is_recording_and_then_tells_of_it(sender):
    account = unsaved(sender)
    with transaction.atomic():
        opt_in()
        assert told(account) == []
        saving = in_a_thread(lambda: accounts.save(account))
        saving.join(0.3)
        assert saving.is_alive()
    saving.join(10)
    catch_up(account)
    assert told(account) == [("opt_in", "pending")]


@pytest.mark.django_db(transaction=True)
def test_whoever_records_while_it_is_switched_on_waits_and_then_tells_it(sender):
    account = unsaved(sender)
    with transaction.atomic():
        accounts.save(account)
        recording = in_a_thread(opt_in)
        recording.join(0.3)
        assert recording.is_alive()
    recording.join(10)
    assert told(account) == [("opt_in", "pending")]


@pytest.mark.django_db(transaction=True)
def test_two_who_catch_up_at_once_tell_each_state_once(sender, small_chunks):
    opt_in_many(list(british_numbers(20)))
    account = unsaved(sender)
    accounts.save(account)
    threads = [in_a_thread(lambda: catch_up(account, steps=40)) for _ in range(2)]
    for thread in threads:
        thread.join(30)
    assert fetched(account).catch_up == ""
    assert ProviderSync.objects.count() == 20


# --- what keeps an account from working


def test_what_is_missing_is_named(sender):
    account = ProviderAccount(sender=sender, kind="sinch_whatsapp", base_url="https://api.example")
    obstacles, _ = accounts.problems(account)
    assert obstacles == [
        "The credential 'token' is missing.",
        "The bot id (external id) is missing.",
    ]

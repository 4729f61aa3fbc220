"""What goes in the outbox, when, and what it replaces there."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from consents import ledger, settling
from consents.defaults import ensure_defaults
from consents.ledger import Entry
from consents.models import ConsentEvent
from consents.vocabulary import Origin
from providers import outbox, settlement
from providers.contract import Result
from providers.models import ProviderAccount, ProviderSync
from providers.outcomes import FailedReason, Status
from tests.consents.factories import NUMBER, OTHER_NUMBER, MessageFactory, SenderFactory
from tests.providers.factories import (
    AccountFactory,
    claim,
    come_back,
    identity_of,
    newest,
    opt_in,
    opt_out,
    rows,
    stop,
    told,
)

pytestmark = pytest.mark.django_db


def settle(account, result, code=""):
    [call] = claim(account)
    settlement.settle([come_back(call, result, code)])


# --- when a row is made


def test_an_opt_in_makes_one_row_for_each_account_of_the_sender(sender):
    accounts = [AccountFactory(sender=sender) for _ in range(3)]
    event = opt_in()
    for account in accounts:
        [row] = rows(account)
        assert (row.kind, row.status, row.event) == ("opt_in", "pending", event)


def test_no_account_of_another_sender_is_told(account):
    ensure_defaults()
    other = AccountFactory(sender=SenderFactory())
    opt_in()
    assert told(account) == [("opt_in", "pending")]
    assert told(other) == []


def test_an_account_that_is_switched_off_is_told_nothing(sender):
    account = AccountFactory(sender=sender, is_enabled=False)
    opt_in()
    assert told(account) == []


def test_an_account_is_told_only_of_the_channels_it_serves(account):
    opt_in(channel="SMS")
    assert told(account) == []


def test_a_repeated_opt_in_makes_no_row(account):
    opt_in()
    assert opt_in().effective is False
    assert told(account) == [("opt_in", "pending")]


def test_the_first_opt_out_of_somebody_unknown_is_owed(account):
    opt_out()
    assert told(account) == [("opt_out", "pending")]


def test_a_stop_of_somebody_unknown_is_owed(account):
    MessageFactory(text="STOP")
    assert told(account) == [("opt_out", "pending")]


def test_an_opt_in_that_may_not_lift_a_stop_owes_no_opt_in(account):
    stop()
    opt_in(origin=Origin.IMPORT.value)
    assert told(account) == [("opt_out", "pending")]


def test_unticking_one_purpose_of_two_changes_nothing_for_providers(account):
    opt_in()
    opt_out(purpose="marketing")
    assert told(account) == [("opt_in", "pending")]


def test_losing_the_last_purpose_is_an_opt_out(account):
    opt_in(purpose="marketing")
    opt_out(purpose="marketing")
    assert told(account) == [("opt_in", "superseded"), ("opt_out", "pending")]


def test_a_voided_opt_in_is_taken_back_from_the_provider(account):
    event = opt_in()
    settle(account, Result.SUCCEEDED)
    ledger.void(event, note="typed the wrong number", actor="staff")
    assert told(account) == [("opt_in", "succeeded"), ("opt_out", "pending")]


def test_an_event_that_is_rolled_back_takes_its_rows_with_it(account):
    with transaction.atomic():
        opt_in()
        transaction.set_rollback(True)
    assert not ProviderSync.objects.exists()
    assert not ConsentEvent.objects.exists()


def test_many_recorded_at_once_owe_all(account):
    entries = [
        Entry(action="opt_in", channel="WHATSAPP", identity=number, source="WEB")
        for number in (NUMBER, OTHER_NUMBER)
    ]
    ledger.record_many("default", entries)
    assert told(account) == [("opt_in", "pending")] * 2


def test_an_account_of_an_unknown_kind_holds_nothing_up(account):
    strange = AccountFactory(sender=account.sender)
    type(strange).objects.filter(id=strange.id).update(kind="carrier_pigeon")
    opt_in()
    assert told(account) == [("opt_in", "pending")]
    assert told(strange) == []


# --- what it replaces


def test_a_newer_change_replaces_the_one_that_waits(account):
    opt_in()
    opt_out()
    opt_in()
    assert told(account) == [
        ("opt_in", "superseded"),
        ("opt_out", "superseded"),
        ("opt_in", "pending"),
    ]


def test_one_that_flies_is_not_replaced_and_the_newer_waits_behind_it(account):
    opt_in()
    claim(account)
    opt_out()
    assert told(account) == [("opt_in", "sending"), ("opt_out", "pending")]


def test_the_same_change_again_while_it_flies_makes_no_row(account):
    opt_in()
    claim(account)
    opt_in()
    assert told(account) == [("opt_in", "sending")]


def test_one_that_awaits_its_result_is_replaced_at_once(account):
    opt_in()
    settle(account, Result.ACCEPTED)
    opt_out()
    assert told(account) == [("opt_in", "superseded"), ("opt_out", "pending")]


@pytest.mark.parametrize("status", [Status.PENDING, Status.AWAITING_RESULT])
@pytest.mark.parametrize("mark", ["is_uncertain", "is_resend"])
def test_uncertainty_is_handed_to_the_one_that_replaces(account, status, mark):
    opt_in()
    ProviderSync.objects.update(status=status.value, **{mark: True})
    opt_out()
    assert newest(account).is_uncertain


def test_a_certain_one_hands_nothing_on(account):
    opt_in()
    opt_out()
    assert not newest(account).is_uncertain


def test_the_unknown_outcome_of_a_failed_row_is_handed_to_the_next(account):
    """Its last call may land after the opt-out that follows."""
    opt_in()
    ProviderSync.objects.update(
        status=Status.FAILED.value, reason=FailedReason.GAVE_UP.value, is_uncertain=True
    )
    opt_out()
    assert newest(account).is_uncertain


# --- the line that is named as the cause


def test_a_row_names_the_line_that_says_what_it_says(account):
    """The newest line about marketing is an opt-out, and yet the person is in."""
    entries = [
        Entry(action="opt_in", channel="WHATSAPP", identity=NUMBER, source="CHECKOUT"),
        Entry(
            action="opt_out",
            channel="WHATSAPP",
            identity=NUMBER,
            purpose="marketing",
            source="SETTINGS",
        ),
    ]
    ledger.record_many("default", entries)
    assert (newest(account).kind, newest(account).event.source) == ("opt_in", "CHECKOUT")


def test_an_opt_in_without_effect_is_not_named_as_the_cause_of_an_opt_out(sender):
    stop()
    account = AccountFactory(sender=sender)
    ProviderSync.objects.all().delete()
    opt_in(origin=Origin.IMPORT.value, source="FILE")
    assert (newest(account).kind, newest(account).event.source) == ("opt_out", "KEYWORD")


def test_source_ip_and_user_agent_of_the_cause_are_told(account):
    opt_in(source="CHECKOUT", ip="192.0.2.7", user_agent="Firefox")
    [call] = claim(account)
    [change] = call.changes
    assert (change.source, change.ip, change.user_agent) == ("CHECKOUT", "192.0.2.7", "Firefox")


# --- by hand


def test_a_retry_tells_the_present_bit_and_leaves_the_old_row(account):
    opt_in()
    settle(account, Result.REJECTED, "8006")
    old = newest(account)
    again = outbox.retry(old)
    assert again.id != old.id
    assert told(account) == [("opt_in", "failed"), ("opt_in", "pending")]


def test_a_retry_of_an_old_opt_in_tells_the_opt_out_that_stands_now(account):
    opt_in()
    settle(account, Result.REJECTED)
    old = newest(account)
    opt_out()
    settle(account, Result.SUCCEEDED)
    outbox.retry(old)
    assert told(account)[-1] == ("opt_out", "pending")


def test_a_retry_of_one_that_waits_makes_it_due_and_no_second(account):
    opt_in()
    row = newest(account)
    settle(account, Result.RETRY)
    assert claim(account) == []
    assert outbox.retry(row).id == row.id
    assert len(claim(account)) == 1


@pytest.mark.parametrize("mark", ["is_uncertain", "is_resend"])
def test_a_retry_of_one_whose_call_may_still_land_says_so(account, mark):
    opt_out()
    settle(account, Result.REJECTED)
    ProviderSync.objects.filter(account=account).update(**{mark: True})
    again = outbox.retry(newest(account))
    assert (again.kind, again.status, again.is_uncertain) == ("opt_out", "pending", True)


def test_a_retry_at_an_account_that_no_longer_serves_the_channel_leaves_the_row(sender):
    account = AccountFactory(kind="sinch_conversation", settings={"channels": ["WHATSAPP"]})
    opt_in()
    settle(account, Result.REJECTED)
    ProviderAccount.objects.filter(id=account.id).update(settings={"channels": ["SMS"]})
    row = newest(account)
    assert outbox.retry(row) == row
    assert told(account) == [("opt_in", "failed")]


def test_a_retry_while_it_flies_waits_behind_it(account):
    opt_in()
    [call] = claim(account)
    outbox.retry(newest(account))
    assert claim(account) == []
    settlement.settle([come_back(call, Result.SUCCEEDED)])
    assert len(claim(account)) == 1


# --- how long something has been due


def test_nothing_due_has_no_age(account):
    assert outbox.oldest_due_age() is None


def test_the_age_is_that_of_the_oldest_due_row_of_a_running_account(account):
    opt_in()
    ProviderSync.objects.update(due_at=outbox.database_clock().replace(year=2020))
    age = outbox.oldest_due_age()
    assert age is not None
    assert age > 86400
    account.is_held = True
    account.save()
    assert outbox.oldest_due_age() is None


# --- what the database refuses


@pytest.mark.parametrize("status", [Status.PENDING, Status.SENDING])
def test_the_database_refuses_a_second_row_of_a_pair_that_waits_or_flies(account, status):
    opt_in()
    if status == Status.SENDING:
        claim(account)
    row = newest(account)
    twin = ProviderSync(
        account=account,
        identity=identity_of(),
        kind="opt_in",
        status=status.value,
        due_at=row.due_at,
        created_at=row.created_at,
        lease=row.lease,
        lease_until=row.lease_until,
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


def test_the_database_refuses_a_failure_without_a_reason(account):
    opt_in()
    with pytest.raises(IntegrityError), transaction.atomic():
        ProviderSync.objects.update(status=Status.FAILED.value)


def test_a_purpose_that_comes_to_need_its_own_consent_takes_the_person_out(account):
    """Opted in to all, and no purpose is left that takes that for an answer."""
    opt_in()
    settle(account, Result.SUCCEEDED)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE consents_purpose SET requires_own_consent = true, "
            "unsettled_since = clock_timestamp() WHERE key <> 'all'"
        )
    settling.settle_purposes()
    assert told(account)[-1] == ("opt_out", "pending")

"""What subscribers are told, put in with the thing itself; and the results of registrations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from consents import expiry, sealing, window_lines
from consents.models import Purpose
from consents.vocabulary import Lifts, Origin
from providers import accounts, notifications, verdicts
from providers.contract import Kind, Result
from providers.models import ProviderAccount, ProviderSync, Registration, WebhookDelivery
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    MessageFactory,
    SenderFactory,
    ago,
)
from tests.providers.factories import (
    AccountFactory,
    british_numbers,
    newest,
    opt_in,
    opt_in_many,
    opt_out,
    settled,
    stop,
)
from tests.providers.listening import EndpointFactory, owed, results, time_passes, triggers

pytestmark = pytest.mark.django_db

INSTANT = "2026-01-31T12:00:00.000000Z"


@pytest.fixture
def endpoint(sender):
    return EndpointFactory()


# --- opt-ins that run out


def good_for(days):
    purpose = Purpose.objects.get(key="marketing")
    purpose.validity_days = days
    purpose.save()


def test_of_an_opt_in_that_runs_out_soon_it_is_told_when(endpoint):
    good_for(365)
    event = opt_in(purpose="marketing", occurred_at=ago(days=350))
    expiry.warn()
    told = owed()[-1]
    assert (told.trigger, told.identity, told.event) == ("CONSENT_EXPIRING", event.identity, event)
    data = told.body["data"]
    assert (data["channel"], data["identity"], data["purpose"]) == ("WHATSAPP", NUMBER, "marketing")
    assert len(data["expires_at"]) == len(INSTANT)


def test_that_one_has_run_out_is_a_change_of_consent(endpoint):
    opt_in(purpose="marketing", occurred_at=ago(days=350))
    good_for(300)
    expiry.write_run_out()
    told = owed()[-1]
    assert (told.trigger, told.body["data"]["action"]) == ("CONSENT_CHANGED", "expired")


# --- consent


def test_an_effective_event_is_told_with_all_that_a_subscriber_needs(endpoint):
    event = opt_in()
    [told] = owed()
    assert (told.trigger, told.identity, told.event) == ("CONSENT_CHANGED", event.identity, event)
    assert set(told.body) == {"type", "timestamp", "data"}
    assert told.body["type"] == "CONSENT_CHANGED"
    assert len(told.body["timestamp"]) == len(INSTANT)
    data = told.body["data"]
    assert (data["event"], data["seq"], data["action"]) == (str(event.id), event.seq, "opt_in")
    assert (data["channel"], data["identity"]) == ("WHATSAPP", NUMBER)
    assert data["contact"] == str(event.identity.contact_id)
    assert (data["purpose"], data["outcome"], data["source"]) == ("all", "changed", "WEB")
    assert len(data["occurred_at"]) == len(data["recorded_at"]) == len(INSTANT)


def test_a_repeated_opt_in_changes_nothing_and_is_not_told_as_a_change(endpoint):
    opt_in()
    opt_in()
    assert triggers() == ["CONSENT_CHANGED"]


def test_a_bulk_tells_each_of_its_events(endpoint):
    numbers = list(british_numbers(3))
    opt_in_many(numbers)
    assert [one.body["data"]["identity"] for one in owed()] == numbers


def test_an_opt_out_that_spreads_is_told_of_every_identity(endpoint):
    contact = ContactFactory()
    opt_in(contact=contact)
    opt_in(OTHER_NUMBER, contact=contact)
    WebhookDelivery.objects.all().delete()
    stop()
    assert {one.body["data"]["identity"] for one in owed()} == {NUMBER, OTHER_NUMBER}


def test_what_is_rolled_back_is_told_to_nobody(endpoint):
    with transaction.atomic():
        opt_in()
        transaction.set_rollback(True)
    assert owed() == []


def test_an_endpoint_hears_only_the_triggers_it_chose(sender):
    EndpointFactory(triggers=["WINDOW_OPENED"])
    opt_in()
    assert owed() == []


def test_an_endpoint_that_is_off_hears_nothing(endpoint):
    type(endpoint).objects.update(is_active=False)
    opt_in()
    assert (owed(), Registration.objects.count()) == ([], 0)


def test_another_senders_subscriber_hears_nothing(sender):
    EndpointFactory(sender=SenderFactory())
    opt_in()
    assert owed() == []


def test_two_subscribers_each_get_their_own(endpoint):
    other = EndpointFactory(url="https://other.example/")
    opt_in()
    assert (len(owed(endpoint)), len(owed(other))) == (1, 1)


def test_recording_costs_one_query_more_where_nobody_listens(sender, monkeypatch):
    opt_in()
    with CaptureQueriesContext(connection) as with_notifications:
        opt_in(OTHER_NUMBER)
    monkeypatch.setattr(notifications, "announce", lambda events: None)
    with CaptureQueriesContext(connection) as without:
        opt_in("447700900001")
    assert len(with_notifications) == len(without) + 1


# --- the customer window


def test_an_opened_window_is_told(endpoint):
    MessageFactory()
    [told] = owed()
    assert (told.trigger, told.body["data"]["action"]) == ("WINDOW_OPENED", "window_opened")


def test_a_window_that_has_run_out_is_told_with_its_true_end(endpoint):
    MessageFactory(received_at=ago(hours=25))
    WebhookDelivery.objects.all().delete()
    window_lines.close_run_out()
    [told] = owed()
    assert told.trigger == "WINDOW_CLOSED"
    assert told.body["data"]["occurred_at"] < told.body["data"]["recorded_at"]


# --- failed rows of the outbox


def test_a_failed_row_is_told_with_the_providers_own_words(account, endpoint):
    opt_in()
    settled(account, Result.REJECTED, "8005")
    told = owed()[-1]
    row = newest(account)
    assert (told.trigger, told.identity_id) == ("SYNC_FAILED", row.identity_id)
    data = told.body["data"]
    assert (data["sync"], data["account"]["id"]) == (str(row.id), str(account.id))
    assert (data["reason"], data["code"], data["text"]) == ("rejected", "8005", "in words: 8005")


def test_a_row_that_arrives_tells_of_no_failure(account, endpoint):
    opt_in()
    settled(account)
    assert "SYNC_FAILED" not in triggers()


# --- seals over the ledger


def test_a_seal_is_told_to_the_subscribers_of_every_sender(endpoint):
    EndpointFactory(sender=SenderFactory())
    EndpointFactory(triggers=["CONSENT_CHANGED"])
    opt_in()
    [seal] = sealing.seal()
    told = [one for one in owed() if one.trigger == "LEDGER_SEALED"]
    assert len(told) == 2
    for one in told:
        assert (one.identity, one.event) == (None, None)
        assert one.body["data"]["statement"] == seal.statement()
        assert one.body["data"]["digest"] == seal.digest().hex()
        assert NUMBER not in str(one.body)


def test_a_seal_is_made_where_nobody_listens(sender):
    opt_in()
    assert len(list(sealing.seal())) == 1
    assert owed() == []


# --- results of registrations


def resolve():
    told, _ = verdicts.resolve()
    return told


def test_a_registration_succeeds_when_the_provider_holds_it(account, endpoint):
    event = opt_in()
    assert resolve() == 0
    settled(account)
    assert resolve() == 1
    assert results() == [
        {
            "contact_id": str(event.identity.contact_id),
            "channel": "WHATSAPP",
            "identity": NUMBER,
            "status": "OPT_IN_SUCCEEDED",
        }
    ]
    assert resolve() == 0


def test_an_opt_out_succeeds_when_the_provider_holds_it(account, endpoint):
    opt_out()
    settled(account)
    resolve()
    assert [one["status"] for one in results()] == ["OPT_OUT_SUCCEEDED"]


@pytest.mark.parametrize(
    ("record", "status"),
    [(opt_in, "OPT_IN_STATUS_UNSPECIFIED"), (opt_out, "OPT_OUT_STATUS_UNSPECIFIED")],
)
def test_the_status_is_unspecified_where_no_account_serves_the_channel(endpoint, record, status):
    record(channel="SMS")
    resolve()
    [told] = results()
    assert (told["status"], "error_details" in told) == (status, False)


def test_an_account_that_is_off_serves_no_channel(account, endpoint):
    ProviderAccount.objects.update(is_enabled=False)
    opt_in()
    resolve()
    assert [one["status"] for one in results()] == ["OPT_IN_STATUS_UNSPECIFIED"]


@pytest.mark.parametrize(
    ("record", "status"), [(opt_in, "OPT_IN_FAILED"), (opt_out, "OPT_OUT_FAILED")]
)
def test_a_registration_fails_with_the_reason_when_the_row_failed(
    account, endpoint, record, status
):
    record()
    settled(account, Result.REJECTED, "8005")
    resolve()
    [told] = results()
    assert told["status"] == status
    assert told["error_details"] == {"description": "rejected: 8005 in words: 8005"}


def test_an_opt_in_that_the_provider_cannot_be_told_fails(account, endpoint):
    opt_in()
    settled(account, Result.UNSUPPORTED, "withdrawn")
    resolve()
    [told] = results()
    assert told["status"] == "OPT_IN_FAILED"
    assert told["error_details"]["description"].startswith("unsupported: withdrawn")


def test_an_account_that_is_still_being_told_what_is_known_is_waited_for(account, endpoint):
    opt_out()
    settled(account)
    resolve()
    ProviderAccount.objects.update(is_enabled=False)
    opt_in()
    back = ProviderAccount.objects.get()
    back.is_enabled = True
    accounts.save(back)
    assert resolve() == 0
    while accounts.catch_up(back.id):
        pass
    settled(back)
    assert resolve() == 1
    assert results()[-1]["status"] == "OPT_IN_SUCCEEDED"


def test_a_registration_fails_when_a_newer_change_takes_its_place(account, endpoint):
    opt_in()
    opt_out()
    settled(account)
    resolve()
    first, second = results()
    assert (first["status"], second["status"]) == ("OPT_IN_FAILED", "OPT_OUT_SUCCEEDED")
    assert "newer change" in first["error_details"]["description"]


def test_a_registration_fails_when_it_would_lift_an_opt_out_it_may_not(account, endpoint):
    stop()
    opt_in(origin=Origin.PROVIDER.value)
    settled(account)
    resolve()
    stopped, refused = results()
    assert (stopped["status"], refused["status"]) == ("OPT_OUT_SUCCEEDED", "OPT_IN_FAILED")
    assert "opted out" in refused["error_details"]["description"]


def test_an_opt_in_that_the_provider_holds_already_succeeds_at_once(account, endpoint):
    opt_in()
    settled(account)
    resolve()
    assert opt_in().outcome == "no_change"
    assert resolve() == 1
    assert [one["status"] for one in results()] == ["OPT_IN_SUCCEEDED"] * 2


def test_it_succeeds_only_when_all_of_the_senders_accounts_hold_it(account, endpoint):
    other = AccountFactory(sender=account.sender)
    opt_in()
    settled(account)
    assert resolve() == 0
    settled(other)
    assert resolve() == 1


def test_leaving_one_purpose_of_several_promises_no_result(account, endpoint):
    opt_in()
    opt_out(purpose="marketing")
    assert list(Registration.objects.values_list("kind", flat=True)) == ["opt_in"]


def test_an_opt_in_to_one_purpose_after_a_stop_promises_one(account, endpoint):
    opt_out()
    opt_in(purpose="marketing")
    settled(account)
    resolve()
    assert results()[-1]["status"] == "OPT_IN_SUCCEEDED"


def test_a_result_nobody_gives_ends_as_failed_after_four_days(account, endpoint):
    opt_in()
    time_passes(days=3)
    assert resolve() == 0
    time_passes(days=1, minutes=1)
    assert resolve() == 1
    assert results()[0]["status"] == "OPT_IN_FAILED"


def test_a_row_sent_once_more_to_be_sure_counts_as_held(account, endpoint):
    opt_in()
    ProviderSync.objects.update(is_resend=True)
    assert resolve() == 1
    assert results()[0]["status"] == "OPT_IN_SUCCEEDED"


def test_many_that_wait_keep_no_later_one_waiting(account, endpoint, monkeypatch):
    monkeypatch.setattr(verdicts, "CHUNK", 2)
    opt_in_many(list(british_numbers(4)))
    opt_in(channel="SMS")
    told, place = verdicts.resolve()
    while not told and place:
        told, place = verdicts.resolve(place)
    assert results()[0]["status"] == "OPT_IN_STATUS_UNSPECIFIED"


# --- those of a drop-in


def register(event, account=None, channel="WHATSAPP", **fields):
    notifications.register(
        sender=account.sender,
        kind=Kind.OPT_IN,
        channel=channel,
        event=event,
        identity=event.identity if event else None,
        account=account,
        **fields,
    )


def test_a_drop_ins_own_registration_takes_the_place_of_the_doorbells(account, endpoint):
    event = opt_in(origin=Origin.DROPIN.value, lifts=Lifts.DROPIN)
    register(event, account, request_id="REQ1", contact_ref="crm-7")
    [registration] = Registration.objects.all()
    assert registration.request_id == "REQ1"
    settled(account)
    resolve()
    [told] = [one for one in owed() if one.trigger == "OPT_IN"]
    assert (told.request_id, told.body["contact_id"]) == ("REQ1", "crm-7")


def test_a_drop_in_waits_for_the_account_it_named_alone(account, endpoint):
    AccountFactory(sender=account.sender)
    register(opt_in(), account)
    settled(account)
    assert resolve() == 1
    assert results()[0]["status"] == "OPT_IN_SUCCEEDED"


def test_a_contact_without_an_identity_on_the_channel_ends_as_failed(account, endpoint):
    register(None, account, contact_ref="crm-7", refusal="No identity there.")
    resolve()
    assert results() == [
        {
            "contact_id": "crm-7",
            "channel": "WHATSAPP",
            "identity": "",
            "status": "OPT_IN_FAILED",
            "error_details": {"description": "No identity there."},
        }
    ]


def test_on_a_channel_that_no_account_serves_the_lack_of_an_identity_is_no_failure(
    account, endpoint
):
    register(None, account, channel="SMS", refusal="No identity there.")
    resolve()
    [told] = results()
    assert (told["status"], "error_details" in told) == ("OPT_IN_STATUS_UNSPECIFIED", False)


def test_a_result_that_was_told_is_forgotten_after_a_time(account, endpoint):
    opt_in(channel="SMS")
    resolve()
    time_passes(days=31)
    assert verdicts.purge(timedelta(days=30)) == 1

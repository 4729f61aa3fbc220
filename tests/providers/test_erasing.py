"""A person of whom everything is known is erased, and is found nowhere in the whole database."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.postgres.fields import ArrayField
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db.models import Model, UUIDField
from django.test import Client
from django.urls import reverse

from consents import disclosure, erasure, holders, ledger, legal_holds
from consents.admin import deciding
from consents.erasure import Report
from consents.models import (
    ChannelIdentity,
    ConsentEvent,
    Contact,
    Erasure,
    EvidenceFile,
    ReviewItem,
    Sender,
    Standing,
)
from providers import courier, drift, hearing, outbox, settlement, subscribers, sweeps, verdicts
from providers.contract import Result
from providers.models import (
    Drift,
    ProviderAccount,
    ProviderCallback,
    ProviderSync,
    Registration,
    SyncAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from providers.worker import Worker
from tests.consents.api.caller import issue
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    NoticeFactory,
    OptInFactory,
    ago,
)
from tests.consents.importing.lists import source
from tests.consents.importing.worlds import recorded
from tests.consents.parallel import at_once
from tests.everywhere import columns_with, dumped_with
from tests.providers.callback_examples import listening, message, report, result, stored, tell
from tests.providers.dropin_caller import DropinCaller
from tests.providers.factories import (
    AccountFactory,
    claim,
    come_back,
    let_pass,
    newest,
    opt_in,
    rows,
    settled,
    told,
)
from tests.providers.listening import EVERYTHING, EndpointFactory, owed
from tests.providers.sandbox_fixture import RunningSandbox

pytestmark = pytest.mark.django_db

EMAIL = "astrid.holm@example.com"
IP = "192.0.2.77"
PERSONAL = (
    *(NUMBER, f"+{NUMBER}", "467******22", EMAIL, "astrid.holm", IP),
    *("Astrid", "Holm", "crm-4711", "Nokia 3310", "rang us about it", "winter-form"),
)


@pytest.fixture(autouse=True)
def allowed(settings):
    """Subscribers on this machine, over plain HTTP."""
    settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = True


@pytest.fixture
def endpoint(sender, server) -> WebhookEndpoint:
    server.answers(200, f"thank you for telling of {NUMBER}")
    of_people = [one for one in EVERYTHING if one != "LEDGER_SEALED"]
    return EndpointFactory(url=f"{server.base_url}/hooks", triggers=of_people)


@pytest.fixture
def account(sender: Sender, sandbox: RunningSandbox) -> ProviderAccount:
    """One that keeps lists that can be read back, at the sandbox, and that calls back."""
    return listening(
        sender=sender,
        base_url=sandbox.url,
        settings={"await_result": False},
        credentials={"token_url": f"{sandbox.url}/oauth2/token"},
    )


def erase(contact: Contact) -> Report:
    return erasure.erase(contact, actor="staff:1")


def finish() -> None:
    """Tell everybody who is owed word, and sweep."""
    for _ in range(3):
        Worker().drain()
        while verdicts.resolve()[0]:
            pass
        courier.drain()
        let_pass(hours=2)
    sweeps.sweep()


def owner() -> Contact:
    return ChannelIdentity.objects.get(channel="WHATSAPP", address=NUMBER).contact


# --- nobody is forgotten to be forgotten


def reaching_people() -> set[type[Model]]:
    """Every model that names a contact or an identity, or something that does, however far.

    Ids in an array name anybody, so only arrays of words are let pass.
    """
    models = {model for model in apps.get_models() if model._meta.app_label in OURS}
    reached: set[type[Model]] = {Contact, ChannelIdentity}
    while True:
        more = {model for model in models - reached if _names_one_of(model, reached)}
        if not more:
            return reached
        reached |= more


OURS = {"consents", "providers"}


def _names_one_of(model: type[Model], reached: set[type[Model]]) -> bool:
    fields = [one for one in model._meta.get_fields(include_hidden=True) if one.concrete]
    related = {field.related_model for field in fields if field.is_relation}
    return bool(related & reached) or any(map(_is_array_of_ids, fields))


def _is_array_of_ids(field: Any) -> bool:
    return isinstance(field, ArrayField) and isinstance(field.base_field, UUIDField)


def test_every_table_that_reaches_a_person_has_a_holder():
    assert {ProviderSync, SyncAttempt, ProviderCallback, Drift} < reaching_people()
    assert reaching_people() == set(holders.tables())


# --- a whole life


def live_through(account: ProviderAccount, sandbox: RunningSandbox) -> None:
    """Leave traces of one person wherever there can be any."""
    api = issue()
    body = {
        "external_id": "crm-4711",
        "display_name": "Astrid Holm",
        "language": "sv",
        "identities": [
            {"channel": "WHATSAPP", "identity": f"+{NUMBER}"},
            {"channel": "SMS", "identity": NUMBER},
            {"channel": "EMAIL", "identity": EMAIL},
        ],
    }
    created = api.post("contacts/", body, Idempotency_Key=f"make-{NUMBER}").json()
    said = {
        "action": "opt_in",
        "source": "WEB",
        "contact": "crm-4711",
        "ip": IP,
        "user_agent": "Nokia 3310",
        "evidence": {"form": "winter-form", "number": NUMBER},
        "note": "rang us about it",
    }
    assert api.post("consent-events/", said, Idempotency_Key=NUMBER).status_code == 201
    _by_a_dropin(created["id"])
    _at_the_desk(created["id"])
    Worker().drain()
    _by_callbacks(account)
    sandbox.preload("sinch_conversation", {NUMBER: "opted_out"})
    drift.compare(account)
    [review] = ReviewItem.objects.filter(kind="held")
    deciding.leave(review, actor="staff:1", note=f"Astrid ({NUMBER}) meant no opt-out")
    Worker().drain()
    while verdicts.resolve()[0]:
        pass
    courier.drain()


def _by_a_dropin(contact: str) -> None:
    caller = DropinCaller()
    answer = caller.consent("optin", {"recipient": NUMBER, "source": "WEB", "ipaddress": IP})
    assert answer.status_code == 200


def _at_the_desk(contact: str) -> None:
    desk = Client()
    desk.force_login(User.objects.create_superuser("officer"))
    page = reverse("admin:consents_contact_change", args=[contact])
    desk.post(page, {"display_name": "Astrid B. Holm", "external_id": "crm-4711", "language": "sv"})
    letter = SimpleUploadedFile("Astrid Holm.txt", f"Write to me on {NUMBER}".encode())
    said = {"token": "one", "action": "opt_in", "purpose": "all", "source": "LETTER", "who": "all"}
    form = {**said, "channel": "SMS", "note": "rang us about it", "file": letter}
    form["notice"] = str(NoticeFactory().pk)
    desk.post(f"{reverse('admin:consents_consentevent_add')}?contact={contact}", form)
    assert EvidenceFile.objects.get().content


def _by_callbacks(sinch: ProviderAccount) -> None:
    wamid = "wamid." + base64.b64encode(f"..{NUMBER}..".encode()).decode()
    tell(sinch, message("please stop writing to me, Astrid", id=wamid))
    tell(sinch, report("131049"))  # of no consent
    tell(sinch, {**message(), "message": "what Astrid Holm wrote, unreadable", "of": NUMBER})
    assert {one.status for one in stored()} >= {"applied", "ignored"}


@pytest.mark.django_db(transaction=True)
def test_nothing_of_an_erased_person_is_left_in_any_table_nor_in_a_dump(
    account, sandbox, endpoint, tmp_path
):
    live_through(account, sandbox)
    recorded(
        Sender.objects.get(key="default"),
        source(
            tmp_path,
            f"identity,channel,action,source,external_id\n{NUMBER},WHATSAPP,opt_in,CRM,crm-4711\n",
        ),
    )
    wide = {column.partition(".")[0] for column in columns_with(PERSONAL)}
    assert wide >= {
        *("consents_contact", "consents_channelidentity", "consents_eventdetail"),
        *("consents_reviewitem", "providers_providercallback", "providers_webhookdelivery"),
        *("providers_syncattempt", "consents_evidencefile"),
    }
    erase(owner())
    finish()
    assert Erasure.objects.get().finished_at is not None
    assert columns_with(PERSONAL) == []
    assert EvidenceFile.objects.get().content is None  # no search finds what is encrypted
    assert dumped_with(PERSONAL) == []


def test_a_persons_file_holds_what_every_table_knows_of_them(account, sandbox, endpoint):
    live_through(account, sandbox)
    held = disclosure.file_of(owner(), actor="staff:1")["held"]
    assert all(held[name] for name in held if name not in {"confirmations", "erasures"}), held
    text = json.dumps(held, ensure_ascii=False)
    for word in (NUMBER, EMAIL, IP, "Nokia 3310", "rang us about it", "winter-form"):
        assert word in text


@pytest.mark.django_db(transaction=True)
def test_at_once_only_what_is_owed_names_the_person(account, sandbox, endpoint):
    live_through(account, sandbox)
    report = erase(owner())
    assert {one.what for one in report.kept} >= {"provider_syncs", "webhook_deliveries"}
    assert set(columns_with(PERSONAL)) == {
        *("consents_channelidentity.address", "consents_channelidentity.lookup_key"),
        "providers_webhookdelivery.body",
    }


# --- what is owed


def test_every_account_is_told_of_the_opt_out_and_then_the_address_goes(account, sandbox):
    opt_in()
    Worker().drain()
    erase(owner())
    assert told(account) == [("opt_in", "succeeded"), ("opt_out", "pending")]
    assert sweeps.sweep().erased == 0
    finish()
    assert sandbox.state_of("sinch_conversation", NUMBER) == "opted_out"
    assert ChannelIdentity.objects.get().address is None
    assert {row.text for row in rows(account)} == {""}


def test_an_opt_in_in_flight_is_overtaken_by_the_opt_out(account):
    opt_in()
    [call] = claim(account)
    erase(owner())
    settlement.settle([come_back(call, Result.RETRY, NUMBER)])
    assert told(account) == [("opt_in", "superseded"), ("opt_out", "pending")]
    settled(account)
    assert sweeps.sweep().erased == 0  # the older call may still have landed
    let_pass(hours=2)
    assert sweeps.sweep().erased == 1
    assert {(row.text, row.code) for row in rows(account)} == {("", NUMBER), ("", "")}
    assert {(one.text, len(one.trace)) for one in SyncAttempt.objects.all()} == {("", 0)}


def test_a_late_result_of_the_opt_in_has_the_opt_out_sent_again(sinch):
    opt_in()
    settled(sinch, Result.ACCEPTED)
    late = newest(sinch).id
    erase(owner())
    settled(sinch, Result.ACCEPTED)
    tell(sinch, result("OPT_OUT_SUCCEEDED", request_id=newest(sinch).id))
    tell(sinch, result("OPT_IN_SUCCEEDED", request_id=late))
    assert told(sinch)[-1] == ("opt_out", "pending")
    assert {bytes(one.body) for one in stored()} == {b""}


def test_an_account_that_is_switched_off_keeps_no_address(account):
    opt_in()
    ProviderAccount.objects.update(is_enabled=False)
    report = erase(owner())
    assert report.erasure.finished_at is not None
    assert {row.status for row in rows(account)} == {"superseded"}


def test_nobody_is_told_anything_without_an_address(account):
    opt_in()
    settled(account)
    contact = owner()
    erase(contact)
    settled(account, Result.REJECTED, "invalid")
    let_pass(hours=30)
    sweeps.sweep()
    assert ChannelIdentity.objects.get().address is None
    let_pass(hours=30)
    assert sweeps.sweep().retried == 0
    assert sweeps.needs().failed == 0
    last = newest_of(account)
    assert outbox.retry(last) == last
    AccountFactory(name="new", kind="pepipost")
    assert ProviderSync.objects.count() == 2


def newest_of(account: ProviderAccount) -> ProviderSync:
    return ProviderSync.objects.filter(account=account).latest("seq")


def test_who_comes_back_is_told_to_the_providers_again(account):
    opt_in()
    settled(account)
    erase(owner())
    settled(account)
    sweeps.sweep()
    opt_in()
    [call] = claim(account)
    assert [change.identity for change in call.changes] == [NUMBER]


def test_a_subscriber_hears_of_the_opt_out_with_the_address_and_it_is_kept_no_longer(
    endpoint, server
):
    opt_in()
    courier.drain()
    erase(owner())
    last = owed()[-1]
    assert (last.trigger, last.status) == ("CONSENT_CHANGED", "pending")
    finish()
    heard = [json.loads(one.body) for one in server.received]
    changes = [one["data"] for one in heard if one.get("type") == "CONSENT_CHANGED"]
    assert [one["action"] for one in changes] == ["opt_in", "opt_out", "erased"]
    assert {one["identity"] for one in changes} == {NUMBER}
    assert {json.dumps(one.body) for one in owed()} == {"{}"}


def test_what_was_erased_is_not_delivered_again(endpoint, server):
    opt_in()
    erase(owner())
    finish()
    before = len(server.received)
    subscribers.redeliver(owed()[0])
    assert subscribers.redeliver_since(endpoint, owed()[0].created_at) == 0
    courier.drain()
    assert len(server.received) == before


def test_a_subscriber_that_is_switched_off_keeps_no_address(endpoint):
    opt_in()
    WebhookEndpoint.objects.update(is_active=False)
    erase(owner())
    verdicts.resolve()
    assert sweeps.sweep().erased == 1
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"failed"}


def test_what_a_caller_called_the_person_is_forgotten_when_the_result_is_told(sinch, endpoint):
    contact = ContactFactory(external_id="crm-4711")
    OptInFactory(contact=contact)
    caller = DropinCaller()
    recipient = {"contact_id": "crm-4711"}
    answer = caller.send(
        "POST",
        "/v1/projects/00000000-0000-4000-8000-000000000001/optins:register",
        {"app_id": sinch.external_id, "recipient": recipient, "channels": ["WHATSAPP"]},
    )
    assert answer.status_code == 200, answer.content
    assert Registration.objects.filter(contact_ref="crm-4711").exists()
    erase(contact)
    settled(sinch)
    finish()
    assert not Registration.objects.exclude(contact_ref="").exists()


# --- callbacks that come afterwards


def test_what_providers_tell_of_the_erased_is_applied_and_not_kept(sinch):
    opt_in()
    settled(sinch)
    erase(owner())
    settled(sinch)
    let_pass(hours=2)
    sweeps.sweep()
    assert ChannelIdentity.objects.get().address is None
    callback = tell(sinch, message("STOP"))
    assert callback.status == "applied"
    assert (bytes(callback.body), callback.headers) == (b"", {})
    assert ConsentEvent.objects.latest("seq").action == "opt_out"


def test_what_is_kept_no_more_cannot_be_applied_again(sinch):
    opt_in()
    callback = tell(sinch, message("hello"))
    erase(owner())
    applied = hearing.apply_again(callback)
    assert (applied.status, applied.outcome) == (callback.status, callback.outcome)


def test_what_brings_them_back_is_kept(sinch):
    opt_in()
    settled(sinch)
    erase(owner())
    callback = tell(sinch, message("START"))
    assert NUMBER.encode() in bytes(callback.body)
    assert Standing.objects.get().erased_at is None


def test_callbacks_about_others_stay(sinch):
    opt_in()
    tell(sinch, message("hello", number=OTHER_NUMBER))
    tell(sinch, report("131049", number=OTHER_NUMBER, reference="out-2"))
    erase(owner())
    assert all(OTHER_NUMBER.encode() in bytes(one.body) for one in stored())


# --- at the same time


@pytest.mark.django_db(transaction=True)
def test_two_who_erase_at_once_erase_once(account):
    opt_in()
    contact = owner()
    first, second = at_once(lambda: erase(contact), lambda: erase(contact))
    assert first.erasure == second.erasure
    assert list(ConsentEvent.objects.order_by("seq").values_list("action", flat=True)) == [
        "opt_in",
        "opt_out",
        "erased",
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("origin", ["api", "provider", "keyword"])
def test_whatever_is_recorded_during_an_erasure_comes_before_or_after_it(account, origin):
    opt_in()
    contact = owner()
    proof = {"ip": IP, "evidence": {"form": "winter-form"}, "origin": origin}
    entry = ledger.Entry(action="opt_in", channel="WHATSAPP", identity=NUMBER, source="X", **proof)
    at_once(lambda: erase(contact), lambda: ledger.record_many("default", [entry]))
    standing = Standing.objects.get(identity__contact=contact)
    assert (standing.erased_at is None) == (standing.may_write is True)
    assert bool(columns_with(["winter-form"])) == (standing.erased_at is None)


@pytest.mark.django_db(transaction=True)
def test_an_erasure_whose_process_died_is_finished_by_the_sweep(account):
    opt_in()
    contact = owner()
    erase(contact)
    settled(account)
    let_pass(hours=2)
    assert Erasure.objects.get().finished_at is None
    swept = at_once(erasure.finish_open, erasure.finish_open)
    assert sum(swept) == 1
    assert ChannelIdentity.objects.get().address is None


# --- how long what is kept


def test_what_providers_wrote_is_emptied_after_ninety_days_and_still_known_again(sinch):
    opt_in()
    body = message("hello")
    tell(sinch, body)
    tell(sinch, message("STOP", id="m-2"))
    ProviderCallback.objects.filter(seq=stored()[0].seq).update(received_at=ago(days=91))
    assert sweeps.sweep().purged == 1
    old, new = stored()
    assert (bytes(old.body), old.headers, old.status) == (b"", {}, "applied")
    assert NUMBER.encode() in bytes(new.body)
    assert len(stored()) == len({bytes(one.digest) for one in stored()}) == 2


def test_calls_are_forgotten_and_their_rows_stay(account):
    opt_in()
    settled(account)
    SyncAttempt.objects.update(started_at=ago(days=91))
    assert sweeps.sweep().purged == 1
    assert told(account) == [("opt_in", "succeeded")]


def test_a_legal_hold_keeps_what_providers_and_subscribers_were_told(sinch, endpoint, server):
    opt_in()
    tell(sinch, message("hello"))
    settled(sinch)
    finish()
    SyncAttempt.objects.update(started_at=ago(days=999))
    ProviderCallback.objects.update(received_at=ago(days=999))
    WebhookDelivery.objects.update(ended_at=ago(days=999))
    Registration.objects.update(told_at=ago(days=999))
    hold = legal_holds.place(sinch.sender, owner(), reason="case 7", actor="staff:1")
    assert sweeps.sweep().purged == 0
    legal_holds.lift(hold, actor="staff:1")
    whole = legal_holds.place(sinch.sender, None, reason="case 8", actor="staff:1")
    assert sweeps.sweep().purged == 0
    legal_holds.lift(whole, actor="staff:1")
    assert sweeps.sweep().purged > 4
    assert not WebhookDelivery.objects.exists()
    assert not SyncAttempt.objects.exists()


def test_an_erasure_waits_while_a_hold_is_on(account):
    opt_in()
    contact = owner()
    erase(contact)
    settled(account)
    hold = legal_holds.place(account.sender, contact, reason="case 7", actor="staff:1")
    assert sweeps.sweep().erased == 0
    legal_holds.lift(hold, actor="staff:1")
    assert sweeps.sweep().erased == 1

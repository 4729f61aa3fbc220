"""The accounts' pages: credentials go in and never come out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models import F
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from consents import ledger
from consents.models import StaffAction
from providers import accounts, callback_secrets, registry
from providers.contract import Fault, Result
from providers.models import ProviderAccount, ProviderSync, SyncAttempt
from providers.settlement import settle
from tests.consents.factories import NUMBER, OTHER_NUMBER
from tests.providers.admin.conftest import TOKEN
from tests.providers.factories import AccountFactory, claim, come_back, opt_in, settled

pytestmark = pytest.mark.django_db
MINUTES = timedelta(minutes=5)
ADD = "admin:providers_provideraccount_add"
FORM = {
    "name": "Pepipost",
    "base_url": "https://pepipost.example",
    "external_id": "",
    "settings": "{}",
    "is_enabled": "on",
}


def url(account, name="change"):
    return reverse(f"admin:providers_provideraccount_{name}", args=[account.pk])


def add(desk, kind, **fields):
    return desk.post(f"{reverse(ADD)}?kind={kind}", {**FORM, **fields})


def errors(answer):
    return answer.context["adminform"].form.errors


def test_a_new_account_begins_with_its_provider(desk):
    text = desk.get(reverse(ADD)).content.decode()
    assert all(f"?kind={kind}" in text for kind in registry.kinds())
    assert desk.get(f"{reverse(ADD)}?kind=nonsense").status_code == 200


@pytest.mark.parametrize("kind", registry.kinds())
def test_the_form_asks_for_what_the_provider_demands(desk, kind):
    fields = desk.get(f"{reverse(ADD)}?kind={kind}").context["adminform"].form.fields
    adapter = registry.adapter(kind)
    wanted = adapter.required_credentials | adapter.optional_credentials
    assert {name for name in fields if name.startswith("credential_")} == {
        f"credential_{name}" for name in wanted
    }


def test_an_account_is_added_and_will_be_told_what_is_known(desk, sender):
    add(desk, "pepipost", sender=str(sender.pk), credential_token=TOKEN)
    account = ProviderAccount.objects.get()
    assert (account.kind, account.credentials) == ("pepipost", {"token": TOKEN})
    assert account.catch_up == "opt_out"


def test_an_account_that_knows_already_is_not_called(desk, sender):
    ledger.record(sender, action="opt_in", channel="WHATSAPP", identity="46732001122", source="WEB")
    add(desk, "pepipost", sender=str(sender.pk), credential_token=TOKEN, is_baseline="on")
    account = ProviderAccount.objects.get()
    while accounts.catch_up(account.pk):
        pass
    assert ProviderSync.objects.get().status == "succeeded"


def test_credentials_are_shown_nowhere(desk, account):
    pages = [
        url(account),
        url(account, "history"),
        reverse("admin:providers_provideraccount_changelist"),
    ]
    rejected = desk.post(url(account), {**FORM, "name": "", "credential_token": "another-secret"})
    assert errors(rejected)
    desk.post(url(account), {**FORM, "credential_token": "a-new-secret"})
    text = rejected.content.decode() + "".join(desk.get(page).content.decode() for page in pages)
    text += " ".join(StaffAction.objects.values_list("text", flat=True))
    for secret in (TOKEN, "another-secret", "a-new-secret"):
        assert secret not in text


def test_a_credential_left_empty_is_kept(desk, account):
    desk.post(url(account), {**FORM, "name": "Renamed", "credential_token": ""})
    account.refresh_from_db()
    assert (account.name, account.credentials) == ("Renamed", {"token": TOKEN})


def test_a_new_credential_replaces_the_old_and_is_tried_at_once(desk, account):
    later = timezone.now() + timedelta(minutes=10)
    ProviderAccount.objects.update(paused_until=later, pauses=3, fault="credentials")
    desk.post(url(account), {**FORM, "credential_token": "a-new-secret"})
    account.refresh_from_db()
    assert account.credentials == {"token": "a-new-secret"}
    assert account.paused_until < later
    assert account.pauses == 3


def test_a_replaced_callback_secret_counts_on_for_a_while_and_is_shown_nowhere(desk, account):
    for secret in ("the-first", "the-second"):
        desk.post(url(account), {**FORM, "credential_callback_secret": secret})
    desk.post(url(account), {**FORM, "name": "Renamed"})
    account.refresh_from_db()
    accepted = callback_secrets.accepted(account.plain, "callback_secret", timezone.now())
    assert accepted == ["the-second", "the-first"]
    assert "the-first" not in desk.get(url(account)).content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("settings", "[1]"),
        ("settings", "{"),
        ("name", ""),
        ("__all__", "ftp://pepipost.example"),
        ("credential_token", ""),
    ],
)
def test_what_cannot_work_is_refused_with_the_reason(desk, sender, field, value):
    name = "base_url" if field == "__all__" else field
    form = {"sender": str(sender.pk), "credential_token": TOKEN, name: value}
    assert field in errors(add(desk, "pepipost", **form))
    assert not ProviderAccount.objects.exists()


def test_what_the_adapter_misses_is_said(desk, sender):
    answer = add(desk, "sinch_whatsapp", sender=str(sender.pk), credential_token=TOKEN)
    assert errors(answer)["__all__"] == ["The bot id (external id) is missing."]


def test_a_name_and_an_external_id_are_taken_once(desk, sender, account):
    again = add(desk, "pepipost", sender=str(sender.pk), credential_token=TOKEN)
    assert errors(again)
    form = {"sender": str(sender.pk), "credential_token": TOKEN, "external_id": "bot"}
    add(desk, "sinch_whatsapp", **form, name="one")
    assert errors(add(desk, "sinch_whatsapp", **form, name="two"))
    assert ProviderAccount.objects.count() == 2


def test_an_account_is_held_and_released_by_a_question(desk, account):
    assert desk.get(url(account, "hold")).status_code == 200
    account.refresh_from_db()
    assert not account.is_held
    desk.post(url(account, "hold"))
    account.refresh_from_db()
    assert account.is_held
    desk.post(url(account, "release"))
    account.refresh_from_db()
    assert not account.is_held


def test_what_is_wrong_with_an_account_is_said_in_words(desk, account):
    ProviderAccount.objects.update(
        fault="credentials", fault_code="401", fault_text="Key revoked", pauses=1
    )
    text = desk.get(url(account)).content.decode()
    assert "The provider does not accept the credentials: 401 Key revoked" in text
    assert "Paused" in text


def test_whoever_may_only_look_sees_no_field_for_a_credential(account):
    user = User.objects.create_user("onlooker", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_provideraccount"))
    client = Client()
    client.force_login(user)
    text = client.get(url(account)).content.decode()
    assert "credential_token" not in text
    assert TOKEN not in text
    assert client.post(url(account, "hold")).status_code == 403


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_of_an_account_is_told_in_words(desk, account, fault):
    ProviderAccount.objects.update(fault=fault.value, pauses=1)
    assert desk.get(reverse("admin:providers_provideraccount_changelist")).status_code == 200


def tried(desk, account):
    return desk.post(url(account, "try_out"), follow=True).content.decode()


def test_an_account_is_tried_out_with_a_call_that_changes_nothing(desk, sandbox, sender):
    account = AccountFactory(kind="sinch_conversation", base_url=sandbox.url)
    assert "The provider takes the credentials." in tried(desk, account)
    assert sandbox.consent_calls() == []


def test_what_is_wrong_with_an_account_is_found_by_trying_it_out(desk, sandbox, sender):
    account = AccountFactory(
        kind="sinch_conversation",
        base_url=sandbox.url,
        credentials={
            "project_id": "00000000-0000-4000-8000-000000000001",
            "key_id": "sandbox-key-id",
            "key_secret": "a-wrong-secret",
            "token_url": f"{sandbox.url}/oauth2/token",
        },
    )
    text = tried(desk, account)
    assert "It does not work" in text
    assert "a-wrong-secret" not in text


def test_where_nothing_harmless_can_be_asked_that_is_said(desk, account):
    assert "No harmless question to this provider is known" in tried(desk, account)


def test_the_page_shows_the_newest_calls_masked_and_what_is_owed(desk, account):
    opt_in()
    [call] = claim(account)
    settle([come_back(call, Result.REJECTED, "E-17")])
    opt_in(OTHER_NUMBER)
    text = desk.get(url(account)).content.decode()
    assert "1 change waits, 1 failed" in text
    assert "E-17" in text
    assert NUMBER not in text


def test_the_page_says_how_much_the_account_is_told(desk, account):
    assert "In the last minute: no calls" in desk.get(url(account)).content.decode()
    opt_in()
    settled(account)
    opt_in(OTHER_NUMBER)
    settled(account, Result.REJECTED, "E-17")
    SyncAttempt.objects.filter(code="E-17").update(started_at=F("started_at") - MINUTES)
    text = desk.get(url(account)).content.decode()
    assert "In the last minute: 1 call told of 1 change, 0 failed" in text
    assert "In the last hour: 2 calls told of 2 changes, 1 failed" in text


def test_calls_are_shown_to_who_may_see_what_is_owed(desk, account):
    opt_in()
    settle([come_back(call, Result.REJECTED, "E-17") for call in claim(account)])
    user = User.objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_provideraccount"))
    clerk = Client()
    clerk.force_login(user)
    assert "E-17" not in clerk.get(url(account)).content.decode()


def test_a_paused_account_says_until_when(desk, account):
    until = timezone.now() + timedelta(minutes=3)
    ProviderAccount.objects.filter(pk=account.pk).update(paused_until=until, pauses=1)
    assert (
        f"{until:%H:%M} UTC, then one change goes alone" in desk.get(url(account)).content.decode()
    )

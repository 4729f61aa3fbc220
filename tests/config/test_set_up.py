"""`manage.py set_up`: what a fresh installation gets, once."""

import re
from io import StringIO

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import call_command
from django.utils import timezone

from consents.models import ApiKey, Purpose, Sender
from providers.models import ProviderAccount

pytestmark = pytest.mark.django_db


def set_up() -> str:
    out = StringIO()
    call_command("set_up", stdout=out)
    return out.getvalue()


def test_the_printed_password_logs_staff_in():
    password = re.search(r"Staff login: admin +password: (\S+)", set_up())[1]
    user = authenticate(username="admin", password=password)
    assert user.is_superuser


def test_the_printed_key_is_valid_for_everything_of_the_default_sender():
    text = re.search(r"API key: (\S+)", set_up())[1]
    key = ApiKey.objects.get(digest=ApiKey.digest_of(text))
    assert key.is_valid(timezone.now())
    assert set(key.scopes) == {"record", "check", "read", "manage"}
    assert [sender.key for sender in key.senders.all()] == ["default"]


def test_a_second_run_prints_no_secret_and_changes_nothing():
    set_up()
    before = [
        *get_user_model().objects.values_list("password"),
        *ApiKey.objects.values_list("digest"),
        *Purpose.objects.values_list("key", "name"),
        *ProviderAccount.objects.values_list("id", "base_url", "catch_up"),
    ]
    assert set_up() == ""
    after = [
        *get_user_model().objects.values_list("password"),
        *ApiKey.objects.values_list("digest"),
        *Purpose.objects.values_list("key", "name"),
        *ProviderAccount.objects.values_list("id", "base_url", "catch_up"),
    ]
    assert after == before


def test_there_is_an_account_of_each_kind_at_the_sandbox(settings):
    settings.SANDBOX_PORT = 8123
    set_up()
    accounts = ProviderAccount.objects.filter(sender__key="default")
    assert {account.kind for account in accounts} == {
        "pepipost",
        "sinch_conversation",
        "sinch_whatsapp",
    }
    assert {account.base_url for account in accounts} == {"http://127.0.0.1:8123"}


def test_the_accounts_follow_the_sandbox_to_another_port(settings):
    set_up()
    settings.SANDBOX_PORT = 8124
    set_up()
    conversation = ProviderAccount.objects.get(kind="sinch_conversation")
    assert conversation.base_url == "http://127.0.0.1:8124"
    assert conversation.credentials["token_url"] == "http://127.0.0.1:8124/oauth2/token"


def test_an_account_that_staff_pointed_elsewhere_stays_there(settings):
    set_up()
    ProviderAccount.objects.filter(kind="pepipost").update(base_url="https://real.example.com")
    settings.SANDBOX_PORT = 8125
    set_up()
    assert ProviderAccount.objects.get(kind="pepipost").base_url == "https://real.example.com"


def test_without_a_sandbox_there_are_no_accounts(settings):
    settings.SANDBOX = False
    set_up()
    assert not ProviderAccount.objects.exists()


def test_a_superuser_and_a_key_that_are_there_already_are_enough():
    get_user_model().objects.create_superuser("anna", "", "pass word of anna")
    key, _ = ApiKey.issue("mine", ["read"])
    key.save()
    assert set_up() == ""
    assert Sender.objects.filter(key="default").exists()
    assert not get_user_model().objects.filter(username="admin").exists()

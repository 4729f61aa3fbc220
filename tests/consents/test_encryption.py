"""Secrets at rest."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from consents.models import Sender
from providers.models import ProviderAccount

SECRET = "the-token-nobody-may-read"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def account(sender: Sender, settings: Any) -> ProviderAccount:
    settings.FIELD_ENCRYPTION_KEYS = [OLD]
    return ProviderAccount.objects.create(
        sender=sender,
        kind="pepipost",
        name="Shop",
        base_url="https://example.test",
        credentials={"token": SECRET, "π": [1, None]},
    )


def stored(account: ProviderAccount) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT credentials FROM providers_provideraccount WHERE id = %s", [account.id]
        )
        return bytes(cursor.fetchone()[0])


def test_a_secret_comes_back_as_it_went_in(account: ProviderAccount) -> None:
    account.refresh_from_db()
    assert account.credentials == {"token": SECRET, "π": [1, None]}


def test_the_database_never_sees_it(account: ProviderAccount) -> None:
    assert SECRET.encode() not in stored(account)
    assert SECRET in Fernet(OLD).decrypt(stored(account)).decode()


def test_the_same_secret_is_written_differently_each_time(account: ProviderAccount) -> None:
    before = stored(account)
    account.save()
    assert stored(account) != before


def test_the_first_key_writes_and_all_read(account: ProviderAccount, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW, OLD]
    account.refresh_from_db()
    account.save()
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    account.refresh_from_db()
    assert account.credentials["token"] == SECRET


def test_a_missing_key_is_told_in_words_that_quote_nothing(
    account: ProviderAccount, settings: Any
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [NEW]
    with pytest.raises(ImproperlyConfigured, match="put back the key") as caught:
        account.refresh_from_db()
    assert caught.value.__cause__ is None
    assert OLD not in str(caught.value)


def test_a_changed_secret_is_not_believed(account: ProviderAccount) -> None:
    broken = stored(account)[:-1] + b"A"
    with connection.cursor() as cursor:
        cursor.execute("UPDATE providers_provideraccount SET credentials = %s", [broken])
    with pytest.raises(ImproperlyConfigured):
        account.refresh_from_db()


def test_a_dump_carries_only_the_encrypted_form_and_can_be_loaded(
    account: ProviderAccount,
) -> None:
    dump = serializers.serialize("json", [account])
    assert SECRET not in dump
    ProviderAccount.objects.all().delete()
    [loaded] = serializers.deserialize("json", dump)
    loaded.save()
    assert ProviderAccount.objects.get().credentials["token"] == SECRET

"""Staff at their desk, and an account to look after."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from consents.defaults import DEFAULT_SENDER, ensure_defaults
from consents.models import Sender
from providers.models import ProviderAccount

TOKEN = "the-secret-token-of-pepipost"


@pytest.fixture
def sender(db: None) -> Sender:
    ensure_defaults()
    return Sender.objects.get(key=DEFAULT_SENDER)


@pytest.fixture
def desk(sender: Sender) -> Client:
    """The browser of somebody who may do everything."""
    client = Client()
    client.force_login(User.objects.create_superuser("officer"))
    return client


@pytest.fixture
def account(sender: Sender) -> ProviderAccount:
    return ProviderAccount.objects.create(
        sender=sender,
        kind="pepipost",
        name="Pepipost",
        base_url="https://pepipost.example",
        credentials={"token": TOKEN},
    )

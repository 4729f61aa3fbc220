"""Staff at their desk, and a way to fill in the form that records consent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from consents import attachments, sealing
from consents.models import (
    ApiKey,
    ChannelIdentity,
    Contact,
    ImportRun,
    LegalHold,
    RetentionRule,
    ReviewItem,
    Sender,
)
from providers import subscribers
from providers.models import Drift, ProviderAccount, ProviderCallback
from tests.consents.attaching import attachment
from tests.consents.factories import NUMBER, MessageFactory, NoticeFactory, OptInFactory

RECORD = "admin:consents_consentevent_add"


@pytest.fixture
def officer(sender: Sender) -> User:
    """Somebody who may do everything."""
    return User.objects.create_superuser("officer")


@pytest.fixture
def desk(officer: User) -> Client:
    """The browser of somebody who may do everything."""
    client = Client()
    client.force_login(officer)
    return client


@pytest.fixture
def desk_with(sender: Sender) -> Callable[..., Client]:
    """The browser of staff who have these permissions alone."""

    def made(*permissions: str) -> Client:
        user = User.objects.create_user("-".join(permissions) or "nobody", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return client

    return made


@pytest.fixture
def submit(sender: Sender) -> Callable[..., HttpResponse]:
    """Sends the form that records consent: an opt-in of NUMBER, unless told otherwise."""

    def sent(client: Client, contact: Contact | None = None, **fields: Any) -> HttpResponse:
        filled_in = {"token": "one", "action": "opt_in", "purpose": "all", "source": "PHONE CALL"}
        if contact is None:
            filled_in |= {"sender": str(sender.pk), "channel": "WHATSAPP", "address": NUMBER}
        else:
            filled_in |= {"who": "all", "channel": "WHATSAPP", "address": ""}
        query = f"?contact={contact.pk}" if contact else ""
        return client.post(reverse(RECORD) + query, {**filled_in, **fields})

    return sent


@pytest.fixture
def one_of_each(officer: User, sender: Sender) -> ProviderAccount:
    """A row for every registered model."""
    account = ProviderAccount.objects.create(
        sender=sender,
        kind="pepipost",
        name="Pepipost",
        base_url="https://pepipost.example",
        credentials={"token": "the-token-of-pepipost"},
    )
    officer.groups.create(name="compliance")
    MessageFactory(text="please stop sending me so many of these")
    event = OptInFactory(origin="admin", note="Called our shop")
    now = event.recorded_at
    attachments.attach(event, attachment(), actor="staff:1")
    list(sealing.seal())
    Drift.objects.create(
        account=account,
        identity=ChannelIdentity.objects.get(),
        review=ReviewItem.objects.get(),
        list_type="OPT_OUT_ALL",
        listed=True,
        found_at=now,
    )
    ProviderCallback.objects.create(
        account=account, received_at=now, due_at=now, body=b"{}", digest=bytes(32)
    )
    endpoint, _ = subscribers.create(
        sender, url="https://shop.example/hooks", triggers=["CONSENT_CHANGED"]
    )
    subscribers.test(endpoint)
    key, _ = ApiKey.issue("shop", ["record"])
    key.save()
    Client().force_login(officer)
    ImportRun.objects.create(
        sender=sender, file_name="list.csv", sha256=bytes(32), size=0, started_at=now
    )
    NoticeFactory()
    RetentionRule.objects.create(kind="messages", days=400)
    LegalHold.objects.create(sender=sender, reason="a lawsuit", placed_by="staff:1", placed_at=now)
    return account

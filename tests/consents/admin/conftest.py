"""Staff at their desk, and a way to fill in the form that records consent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from consents.models import Contact, Sender
from tests.consents.factories import NUMBER

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

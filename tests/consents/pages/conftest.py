"""A person's browser, and a link to hand it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from consents import links
from consents.models import Contact
from tests.consents.pages.browser import Browser


@pytest.fixture
def link_to() -> Callable[..., str]:
    """The token of a link for a contact; the rest is for `links.make`."""

    def made(contact: Contact, **fields: Any) -> str:
        return links.make(contact, timezone.now(), **fields).token

    return made


@pytest.fixture
def browser(person: Contact, link_to: Callable[..., str]) -> Browser:
    """The browser of `person`, who was sent a link. It refuses what CSRF checks would refuse."""
    return Browser(Client(enforce_csrf_checks=True), link_to(person))

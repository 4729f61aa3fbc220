"""Staff hand a person the link to their own preferences."""

from __future__ import annotations

import re

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from consents.models import StaffAction
from tests.consents.factories import ContactFactory, OptInFactory

pytestmark = pytest.mark.django_db
PAGE = "admin:consents_contact_preference_link"


@pytest.fixture
def contact(sender):
    made = ContactFactory(sender=sender, display_name="Anna Karlsson")
    OptInFactory(contact=made, channel="EMAIL", identity="anna@example.com")
    return made


def test_the_page_of_a_contact_leads_there_and_it_asks_first(desk, contact):
    url = reverse(PAGE, args=[contact.pk])
    assert url in desk.get(reverse("admin:consents_contact_change", args=[contact.pk])).text
    answer = desk.get(url)
    assert "for 30 days" in answer.text
    assert "/preferences/" not in answer.text
    assert not StaffAction.objects.filter(deed="done").exists()


def test_the_link_is_shown_once_and_works(desk, contact, client):
    answer = desk.post(reverse(PAGE, args=[contact.pk]))
    found = re.search(r"https?://[^/]+(/preferences/[^/]+/)", answer.text)
    assert found
    assert client.get(found[1]).status_code == 200
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    assert list(get_messages(answer.wsgi_request)) == []


def test_it_is_written_down_who_made_a_link_and_neither_link_nor_name(desk, officer, contact):
    desk.post(reverse(PAGE, args=[contact.pk]))
    entry = StaffAction.objects.get(deed="done")
    assert (entry.actor, entry.contact) == (f"staff:{officer.pk}", contact.pk)
    assert entry.text == "Made a preference link."


def test_for_somebody_without_an_address_none_is_made(desk, sender):
    contact = ContactFactory(sender=sender)
    answer = desk.post(reverse(PAGE, args=[contact.pk]), follow=True)
    assert "The contact has no address to write to." in answer.text
    assert not StaffAction.objects.filter(deed="done").exists()


def test_only_who_may_record_may_make_one(desk_with, contact):
    client = desk_with("view_contact")
    for ask in ("get", "post"):
        answer = getattr(client, ask)(reverse(PAGE, args=[contact.pk]))
        assert answer.status_code == 403

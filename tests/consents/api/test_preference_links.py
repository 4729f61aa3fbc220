"""Links to people's own preferences, made over the API."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from consents import preferences
from consents.models import Contact, IdempotencyRecord
from tests.consents.api.caller import code_of, issue
from tests.consents.factories import ContactFactory, OptInFactory, SenderFactory

pytestmark = pytest.mark.django_db
BASE = "https://consent.example.com"


@pytest.fixture
def anna(sender) -> Contact:
    contact: Contact = ContactFactory(sender=sender)
    OptInFactory(contact=contact, channel="EMAIL", identity="anna@example.com")
    return contact


@pytest.fixture(autouse=True)
def _published(settings) -> None:
    settings.PUBLIC_URL = BASE


def path(contact: Contact) -> str:
    return f"contacts/{contact.id}/preference-link/"


def test_the_link_works_and_so_does_the_one_in_the_header(api, anna, client) -> None:
    answer = api.post(path(anna), {})
    assert answer.status_code == 201
    made = answer.json()
    assert client.get(made["preferences"].removeprefix(BASE)).status_code == 200
    assert made["headers"]["List-Unsubscribe"] == f"<{made['unsubscribe']}>"
    client.post(made["unsubscribe"].removeprefix(BASE), {"List-Unsubscribe": "One-Click"})
    assert preferences.has_left(anna)


def test_a_link_says_until_when_it_works(api, anna, settings) -> None:
    settings.PREFERENCE_LINK_DAYS = 30
    for body, days in [({}, 30), ({"days": 2}, 2), ({"days": 2.0}, 2), ({"days": None}, 30)]:
        ends = datetime.fromisoformat(api.post(path(anna), body).json()["expires_at"])
        left = ends - timezone.now()
        assert timedelta(days=days) - timedelta(minutes=5) < left <= timedelta(days=days)


def test_a_link_may_be_for_one_purpose_on_one_channel(api, anna, client) -> None:
    OptInFactory(contact=anna, channel="SMS")
    made = api.post(path(anna), {"channel": "SMS", "purpose": "marketing"}).json()
    client.post(made["unsubscribe"].removeprefix(BASE), {"List-Unsubscribe": "One-Click"})
    off = {key for key, one in preferences.of(anna).controls.items() if not one.is_on}
    assert off == {"SMS.marketing"}


def test_where_the_person_has_no_address_there_is_nothing_to_unsubscribe(api, anna) -> None:
    made = api.post(path(anna), {"channel": "SMS"}).json()
    assert made["preferences"]
    assert (made["unsubscribe"], made["headers"]) == (None, {})


def test_the_same_request_again_gets_the_same_link_and_no_link_is_stored(api, anna) -> None:
    first = api.post(path(anna), {"days": 7}, Idempotency_Key="k1")
    again = api.post(path(anna), {"days": 7}, Idempotency_Key="k1")
    assert again.json() == first.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    token = first.json()["preferences"].rstrip("/").rpartition("/")[2]
    assert token not in str(IdempotencyRecord.objects.get().result)
    other = api.post(path(anna), {"days": 8}, Idempotency_Key="k1")
    assert code_of(other) == (422, "idempotency_key_reused")


def test_without_an_address_of_our_own_links_begin_as_the_request_did(api, anna, settings) -> None:
    settings.PUBLIC_URL = ""
    made = api.post(path(anna), {}).json()
    assert made["preferences"].startswith("http://testserver/preferences/")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"days": 0}, 400, "invalid_days"),
        ({"days": 3651}, 400, "invalid_days"),
        ({"days": 10**30}, 400, "invalid_days"),
        ({"days": "7"}, 400, "invalid_days"),
        ({"days": True}, 400, "invalid_days"),
        ({"days": 1.5}, 400, "invalid_days"),
        ({"channel": "FAX"}, 400, "unknown_channel"),
        ({"channel": 1}, 400, "unknown_channel"),
        ({"purpose": "nothing"}, 400, "unknown_purpose"),
        ({"purpose": "a\0"}, 400, "invalid_purpose"),
        ({"expires": "never"}, 400, "unknown_field"),
        ([], 400, "malformed_json"),
    ],
)
def test_nonsense_is_refused(api, anna, body, status, code) -> None:
    assert code_of(api.post(path(anna), body)) == (status, code)


def test_nobody_without_an_address_gets_one(api, sender) -> None:
    answer = api.post(path(ContactFactory(sender=sender)), {})
    assert code_of(answer) == (409, "no_identity")


def test_only_whoever_may_record_for_this_sender_makes_links(sender, anna) -> None:
    assert code_of(issue("read", "check", "manage").post(path(anna), {})) == (403, "scope_missing")
    SenderFactory(key="other")
    stranger = issue("record", senders=["other"])
    assert code_of(stranger.post(path(anna), {})) == (404, "not_found")
    nobody = f"contacts/{uuid4()}/preference-link/"
    assert code_of(issue("record").post(nobody, {})) == (404, "not_found")

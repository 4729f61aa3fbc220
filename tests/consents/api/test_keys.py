"""Who may call: keys and their scopes."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from consents.api.authentication import USE_NOTED_EVERY, valid_key
from consents.models import ApiKey
from tests.consents.api.caller import Caller, code_of, issue
from tests.consents.factories import NUMBER, OptInFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "key_required"),
        ("", "key_required"),
        ("Bearer", "key_required"),
        ("Basic YTpi", "key_required"),
        ("Bearer ob_wrong_key", "invalid_key"),
        ("Bearer schlüssel", "invalid_key"),
        ("Bearer \x00", "invalid_key"),
    ],
)
def test_without_a_valid_key_nobody_comes_in(sender, header, code):
    headers = {} if header is None else {"Authorization": header}
    answer = Client().get("/api/v1/contacts/", headers=headers)
    assert code_of(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="optbook"'


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_a_key_that_has_ended_is_not_valid(api, ended):
    ApiKey.objects.update(**{ended: timezone.now() - timedelta(seconds=1)})
    assert code_of(api.get("contacts/")) == (401, "invalid_key")


def test_a_session_of_the_admin_opens_no_door(sender, admin_client):
    assert code_of(admin_client.get("/api/v1/contacts/")) == (401, "key_required")


@pytest.mark.parametrize(
    ("scope", "opens"),
    [
        ("record", {"POST consent-events/", "POST consent-events/bulk/", "POST inbound-messages/"}),
        (
            "check",
            {
                *("GET permission/", "POST permissions/", "POST permission/confirmation/"),
                "POST audiences/check/",
            },
        ),
        (
            "read",
            {
                "GET consent-events/",
                "GET contacts/",
                "GET contacts/{contact}/",
                "GET contacts/{contact}/timeline/",
                "GET consent-events/{event}/",
                "GET provider-syncs/",
            },
        ),
        ("manage", {"POST contacts/", "PATCH contacts/{contact}/"}),
    ],
)
def test_each_scope_opens_its_own_doors_alone(sender, scope, opens):
    caller = issue(scope)
    event = OptInFactory()
    doors = [
        *("POST consent-events/", "POST consent-events/bulk/", "POST inbound-messages/"),
        *("GET permission/", "POST permissions/", "POST permission/confirmation/"),
        "POST audiences/check/",
        *("GET consent-events/", "GET consent-events/{event}/", "GET provider-syncs/"),
        *("GET contacts/", "GET contacts/{contact}/", "GET contacts/{contact}/timeline/"),
        *("POST contacts/", "PATCH contacts/{contact}/"),
    ]
    opened = set()
    for door in doors:
        method, path = door.split(" ")
        path = path.format(event=event.id, contact=event.identity.contact_id)
        answer = caller.get(path) if method == "GET" else caller.send(method.lower(), path, {})
        if answer.status_code == 403:
            assert answer.json()["error"]["code"] == "scope_missing"
        else:
            opened.add(door)
    assert opened == opens


def test_the_use_of_a_key_is_noted_at_most_once_a_minute(api):
    start = timezone.now()
    noted = []
    for after in (timedelta(), USE_NOTED_EVERY / 2, USE_NOTED_EVERY * 1.5):
        valid_key(api.key, start + after)
        noted.append(ApiKey.objects.get().last_used_at - start)
    assert noted == [timedelta(), timedelta(), USE_NOTED_EVERY * 1.5]


def test_a_key_of_nobody_can_do_nothing(api):
    ApiKey.objects.get().senders.clear()
    asked = {"channel": "WHATSAPP", "identity": NUMBER}
    assert code_of(api.get("permission/", **asked)) == (403, "sender_forbidden")
    assert Caller(api.key).get("contacts/").json()["results"] == []

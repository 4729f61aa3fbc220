"""Keys of the API: shown once, kept as a fingerprint, revoked for good."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse
from django.utils import timezone

from consents.models import ApiKey, StaffAction

pytestmark = pytest.mark.django_db
LIST = "admin:consents_apikey_changelist"
FORM = {
    "name": "shop",
    "scopes": ["record", "check"],
    "expires_at_0": "",
    "expires_at_1": "",
    "rate": "600/min",
}


@pytest.fixture
def issued(desk, sender):
    """The answer to the form that makes a key."""
    return desk.post(reverse("admin:consents_apikey_add"), {**FORM, "senders": [str(sender.pk)]})


def shown_in(answer):
    return re.findall(r"ob_[0-9a-f]{12}_[0-9a-f]{64}", answer.content.decode())


def url(key, name="change"):
    return reverse(f"admin:consents_apikey_{name}", args=[key.pk])


def test_a_new_key_is_shown_once(desk, sender, issued):
    [text] = shown_in(issued)
    key = ApiKey.objects.get()
    assert bytes(key.digest) == ApiKey.digest_of(text)
    assert "no-store" in issued["Cache-Control"]
    assert (key.scopes, list(key.senders.all())) == (["record", "check"], [sender])
    assert key.rate == "600/min"
    for page in (reverse(LIST), url(key)):
        again = desk.get(page).content.decode()
        assert key.prefix in again
        assert text not in again
        assert key.digest.hex() not in again
    assert text not in " ".join(StaffAction.objects.values_list("text", flat=True))


def test_a_revoked_key_is_valid_no_longer(desk, issued):
    key = ApiKey.objects.get()
    assert desk.get(url(key, "revoke")).status_code == 200
    key.refresh_from_db()
    assert key.is_valid(timezone.now())
    desk.post(url(key, "revoke"))
    key.refresh_from_db()
    assert not key.is_valid(timezone.now())


def test_revoking_again_keeps_the_first_time(desk, issued):
    key = ApiKey.objects.get()
    desk.post(url(key, "revoke"))
    key.refresh_from_db()
    first = key.revoked_at
    desk.post(url(key, "revoke"))
    key.refresh_from_db()
    assert key.revoked_at == first


def test_several_keys_are_revoked_from_the_list(desk, issued):
    key = ApiKey.objects.get()
    desk.post(reverse(LIST), {"action": "revoke_selected", "_selected_action": [str(key.pk)]})
    key.refresh_from_db()
    assert key.revoked_at is not None


def test_a_key_may_do_something(desk, sender):
    answer = desk.post(reverse("admin:consents_apikey_add"), {**FORM, "scopes": ["everything"]})
    assert "scopes" in answer.context["adminform"].form.errors
    assert not ApiKey.objects.exists()


def test_whoever_may_only_look_cannot_revoke(desk_with, issued):
    key = ApiKey.objects.get()
    assert desk_with("view_apikey").post(url(key, "revoke")).status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None


def test_changing_a_key_makes_no_new_one(desk, sender, issued):
    key = ApiKey.objects.get()
    digest = bytes(key.digest)
    desk.post(url(key), {**FORM, "name": "web shop", "senders": [str(sender.pk)]})
    key.refresh_from_db()
    assert (key.name, bytes(key.digest)) == ("web shop", digest)

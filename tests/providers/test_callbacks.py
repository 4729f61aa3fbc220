"""The door for callbacks: what it stores, and what it answers."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError
from django.test import Client

from consents.models import ConsentEvent
from providers import callbacks, registry, signing
from providers.models import ProviderCallback
from providers.outcomes import CallbackStatus
from tests.consents.factories import NUMBER
from tests.providers.callback_examples import (
    SECRET,
    apply_all,
    conversation,
    encoded,
    listening,
    message,
    post,
    result,
    signed,
    stored,
    tell,
)
from tests.providers.factories import AccountFactory, fetched
from tests.providers.fast_lane import take_the_fast_lane

pytestmark = pytest.mark.django_db

CONTENT = {
    "sinch_conversation": message("hello"),
    "sinch_whatsapp": {
        "type": "whatsapp",
        "notifications": [
            {"from": NUMBER, "message_id": "m-1", "message": {"type": "text", "body": "hello"}}
        ],
    },
    "pepipost": {"incoming_message": [{"from": NUMBER, "message_id": "m-1"}]},
}


@pytest.fixture(autouse=True, params=["django", "fast lane"])
def way(request, monkeypatch):
    """Whoever answers, Django's view or the way past it, answers the same."""
    if request.param == "fast lane":
        take_the_fast_lane(monkeypatch)


@pytest.fixture(params=sorted(CONTENT))
def anyone(request, sender):
    """An account of each kind in turn, that knows who calls back."""
    return listening(request.param, sender=sender)


# --- verify, store, answer


def test_a_callback_is_stored_as_it_came_and_answered(anyone):
    body = encoded(CONTENT[anyone.kind])
    assert post(anyone, body) == 200
    [callback] = stored()
    assert bytes(callback.body) == body
    assert callback.status == CallbackStatus.STORED
    assert callback.account_id == anyone.id


def test_nothing_is_applied_before_it_is_answered(anyone):
    post(anyone, result("OPT_OUT_SUCCEEDED"))
    assert not ConsentEvent.objects.exists()


def test_a_wrong_signature_is_401_and_stores_nothing(anyone):
    body = encoded(CONTENT[anyone.kind])
    wrong = {name: value[::-1] for name, value in signed(anyone.kind, body).items()}
    assert post(anyone, body, headers=wrong) == 401
    assert post(anyone, body, headers={}) == 401
    assert stored() == []


def test_a_body_changed_on_the_way_is_401(sinch):
    headers = signed(sinch.kind, encoded(message("hello")))
    assert post(sinch, message("goodbye"), headers=headers) == 401


def test_what_cannot_be_read_is_400_and_kept(anyone):
    assert post(anyone, b"hello") == 400
    [callback] = stored()
    assert (callback.status, callback.outcome) == (CallbackStatus.UNREADABLE, "not_json")


def test_what_is_known_and_nothing_to_us_is_200_and_ends_there(sinch):
    assert post(sinch, conversation(capability_notification={})) == 200
    [callback] = stored()
    assert (callback.status, callback.outcome) == ("ignored", "capability_notification")


def test_a_repeat_is_200_and_stored_once(anyone):
    body = encoded(CONTENT[anyone.kind])
    assert [post(anyone, body) for _ in range(3)] == [200, 200, 200]
    assert len(stored()) == 1


def test_a_repeat_of_what_was_applied_is_not_applied_again(sinch):
    content = result("OPT_OUT_SUCCEEDED")
    tell(sinch, content)
    tell(sinch, content)
    assert ConsentEvent.objects.count() == 1


def test_two_accounts_may_be_told_the_same(sender):
    body = encoded({"type": "whatsapp"})
    for name in ("one", "other"):
        assert post(listening("sinch_whatsapp", sender=sender, external_id=name), body) == 200
    assert len(stored()) == 2


@pytest.mark.parametrize("path", ["/callbacks/{}", "/callbacks/{}/"])
def test_the_last_slash_may_be_missing(sinch, path):
    body = encoded(message())
    answer = Client().post(
        path.format(sinch.id), body, "text/plain", headers=signed(sinch.kind, body)
    )
    assert answer.status_code == 200


def test_no_csrf_token_is_asked_for(sinch):
    body = encoded(message())
    answer = Client(enforce_csrf_checks=True).post(
        f"/callbacks/{sinch.id}/", body, "application/json", headers=signed(sinch.kind, body)
    )
    assert answer.status_code == 200


def test_an_account_unknown_or_switched_off_is_404(sinch):
    assert Client().post(f"/callbacks/{uuid4()}/", b"{}", "application/json").status_code == 404
    type(sinch).objects.update(is_enabled=False)
    assert post(sinch, message()) == 404
    assert stored() == []


def test_an_account_of_a_kind_that_is_gone_is_404(sinch):
    type(sinch).objects.update(kind="pigeon")
    assert post(sinch, message()) == 404


def test_a_body_over_the_limit_is_413(sinch, settings):
    settings.API_BODY_MAX = 100
    assert post(sinch, message("x" * 100)) == 413
    assert stored() == []


@pytest.mark.parametrize("length", [b"", b"{}"])
def test_an_empty_body_is_verified_like_any_other(sinch, length):
    assert post(sinch, length) == 400
    assert post(sinch, length, headers={}) == 401


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "options"])
def test_only_posts_are_taken(sinch, method):
    answer = getattr(Client(), method)(f"/callbacks/{sinch.id}/")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, HEAD")


def test_a_head_is_answered_alike_whether_or_not_there_is_such_an_account(sinch):
    answers = {Client().head(f"/callbacks/{id}/").status_code for id in (sinch.id, uuid4())}
    assert answers == {200}


def test_our_own_failure_is_503_so_that_they_try_again(sinch, monkeypatch):
    def fail(*_):
        raise OperationalError

    monkeypatch.setattr(callbacks, "_store", fail)
    assert post(sinch, message()) == 503


def test_a_mistake_in_a_listener_loses_nothing_and_tells_nobody_what_came(
    sinch, monkeypatch, caplog
):
    listener = registry.listener(sinch.kind)

    def err(*_):
        raise KeyError(NUMBER)

    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr(listener, "hear", err)
        assert post(sinch, message()) == 503
    assert NUMBER not in caplog.text
    assert (stored()[0].status, stored()[0].outcome) == ("unreadable", "listener failed: KeyError")


def test_a_repeat_of_what_nobody_understood_is_applied_once_it_is_understood(sinch, monkeypatch):
    listener = registry.listener(sinch.kind)
    body = encoded(result("OPT_OUT_SUCCEEDED"))
    with monkeypatch.context() as patch:
        patch.setattr(listener, "hear", lambda *_: 1 / 0)
        assert post(sinch, body) == 503
    assert tell(sinch, body).status == "applied"
    assert len(stored()) == 1


# --- replays


def test_an_old_signature_is_401(sinch):
    assert post(sinch, message(), at=datetime.now(UTC) - timedelta(minutes=6)) == 401
    assert stored() == []


def test_an_exact_repeat_of_a_stored_one_is_200_however_old_its_signature(sinch):
    """A provider that tries again may not sign again."""
    content = message()
    assert post(sinch, content) == 200
    assert post(sinch, content, at=datetime.now(UTC) - timedelta(days=2)) == 200
    assert len(stored()) == 1


def test_the_replay_window_is_a_setting_of_the_account(sender):
    patient = listening(sender=sender, settings={"replay_seconds": "7200"})
    assert post(patient, message(), at=datetime.now(UTC) - timedelta(hours=1)) == 200


def test_a_nonce_that_comes_again_with_another_body_is_kept_and_left_to_staff(sinch):
    tell(sinch, message("hello", id="m-1"), nonce="used")
    second = tell(sinch, result("OPT_OUT_SUCCEEDED"), nonce="used")
    assert (second.status, second.outcome[:9]) == ("ignored", "its nonce")
    assert not ConsentEvent.objects.filter(action="opt_out").exists()


def test_the_same_nonce_at_another_account_is_no_repeat(sender):
    for name in ("one", "other"):
        account = listening("sinch_whatsapp", sender=sender, external_id=name)
        assert tell(account, CONTENT["sinch_whatsapp"], nonce="n").status == "applied"


# --- secrets


def test_without_any_secret_nobody_is_believed(sender):
    for kind in registry.kinds():
        account = AccountFactory(sender=sender, kind=kind)
        assert post(account, CONTENT[kind], headers={}) == 401
    assert stored() == []


def test_an_account_may_be_told_to_believe_anybody(sender):
    account = AccountFactory(sender=sender, settings={"unsigned_callbacks": "true"})
    assert post(account, CONTENT["pepipost"], headers={}) == 200


def test_a_token_in_the_address_will_do_where_nothing_is_signed(sender):
    account = AccountFactory(sender=sender, credentials={"token": "t", "callback_token": SECRET})
    assert post(account, CONTENT["pepipost"], headers={}, query=f"?token={SECRET}") == 200
    for query in ("", "?token=", "?token=another", f"?token={SECRET}x", "?token=%ff%00"):
        assert post(account, CONTENT["pepipost"], headers={}, query=query) == 401


def test_with_a_token_and_a_secret_both_must_be_right(sender):
    account = listening(sender=sender, credentials={"callback_token": "unguessable"})
    assert post(account, message()) == 401
    assert post(account, message(), query="?token=unguessable", headers={}) == 401
    assert post(account, message(), query="?token=unguessable") == 200


def test_of_the_headers_no_secret_is_kept(sender):
    account = listening("pepipost", sender=sender)
    headers = {"x-callback-secret": SECRET, "Authorization": "Bearer abc", "User-Agent": "Netcore"}
    assert post(account, CONTENT["pepipost"], headers=headers) == 200
    assert stored()[0].headers == {"content-type": "application/json", "user-agent": "Netcore"}


def test_the_signature_is_kept_as_evidence(sinch):
    post(sinch, message(), nonce="n-1")
    assert stored()[0].headers["x-sinch-webhook-signature-nonce"] == "n-1"
    assert stored()[0].nonce == "n-1"


def test_a_nonce_of_any_length_can_be_stored(sinch):
    assert post(sinch, message(), nonce="n" * 5000) == 200


def test_a_refusal_is_logged_without_body_or_token(sinch, caplog):
    with caplog.at_level(logging.DEBUG):
        post(sinch, message(), headers={}, query="?token=hush-hush")
    assert "signature_missing" in caplog.text
    assert NUMBER not in caplog.text
    assert "hush-hush" not in caplog.text


def test_the_account_itself_is_left_as_it_was(anyone):
    before = fetched(anyone)
    post(anyone, CONTENT[anyone.kind])
    apply_all()
    after = fetched(anyone)
    assert (before.settings, before.credentials) == (after.settings, after.credentials)
    assert ProviderCallback.objects.get().status == CallbackStatus.APPLIED


# --- what is remembered of an account


def test_a_replaced_secret_counts_at_once_and_the_former_one_no_more(sinch):
    assert post(sinch, message("one")) == 200
    sinch.credentials = {**sinch.credentials, "callback_secret": "another-secret"}
    sinch.save()
    body, now = encoded(message("two")), int(datetime.now(UTC).timestamp())
    anew = signing.sign_conversation("another-secret", body, nonce="n-2", timestamp=now)
    assert post(sinch, body, headers=signed(sinch.kind, body)) == 401
    assert post(sinch, body, headers=anew) == 200
    assert len(stored()) == 2


def test_an_account_switched_off_after_a_callback_takes_no_more(sinch):
    assert post(sinch, message("one")) == 200
    sinch.is_enabled = False
    sinch.save()
    assert post(sinch, message("two")) == 404
    assert len(stored()) == 1


def test_a_callback_that_meets_another_change_of_the_account_is_stored(sinch):
    assert post(sinch, message("one")) == 200
    sinch.name = "Renamed"
    sinch.save()
    assert post(sinch, message("two")) == 200
    assert len(stored()) == 2


def test_an_account_that_does_not_keep_still_has_them_try_again(sinch, monkeypatch):
    monkeypatch.setattr(callbacks, "_store", lambda *_: False)
    assert post(sinch, message("one")) == 503

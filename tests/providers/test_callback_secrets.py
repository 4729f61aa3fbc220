"""A secret that was replaced counts for a while beside the new one, and then no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from providers import accounts, callback_secrets, registry, signing
from providers.errors import InvalidSignatureError
from providers.models import ProviderAccount
from tests.consents.factories import NUMBER
from tests.providers.callback_examples import KEYS, listening, message, post
from tests.providers.examples import account
from tests.providers.factories import fetched

NOW = datetime(2026, 2, 3, 10, 15, 30, tzinfo=UTC)
OLD, NEW = "the-old-secret", "the-new-secret"
BODY = b"{}"
SIGNED_BY = {
    "pepipost": lambda secret: {"x-callback-secret": secret},
    "sinch_conversation": lambda secret: signing.sign_conversation(
        secret, BODY, nonce="n", timestamp=int(NOW.timestamp())
    ),
    "sinch_whatsapp": lambda secret: signing.sign_whatsapp(secret, BODY, nonce="n"),
}
NAMES = {kind: next(iter(keys)) for kind, keys in KEYS.items()}
each_kind = pytest.mark.parametrize("kind", registry.kinds())


def replaced(kind, hours_ago, **settings):
    """An account whose secret was replaced that long ago."""
    plain = account(kind, "http://127.0.0.1:9", **settings)
    name, at = NAMES[kind], NOW - timedelta(hours=hours_ago)
    credentials = callback_secrets.with_former({name: OLD}, {name: NEW}, settings, at)
    return replace(plain, credentials={**plain.credentials, **credentials})


def lets_in(where, secret):
    try:
        registry.listener(where.kind).verify(where, SIGNED_BY[where.kind](secret), BODY, now=NOW)
    except InvalidSignatureError:
        return False
    return True


# --- each provider's signature check


@each_kind
def test_for_a_day_the_former_secret_is_as_good_as_the_new_one(kind):
    where = replaced(kind, hours_ago=23)
    assert lets_in(where, NEW)
    assert lets_in(where, OLD)
    assert not lets_in(where, "another")


@each_kind
def test_after_its_time_the_former_secret_is_worth_nothing(kind):
    where = replaced(kind, hours_ago=24)
    assert lets_in(where, NEW)
    assert not lets_in(where, OLD)


@each_kind
def test_how_long_it_counts_is_a_setting(kind):
    assert lets_in(replaced(kind, 71, callback_overlap_hours=72), OLD)
    assert not lets_in(replaced(kind, 1, callback_overlap_hours="0.5"), OLD)


@each_kind
def test_setting_the_time_to_nothing_ends_a_former_secret_at_once(kind):
    where = replaced(kind, hours_ago=1)
    assert not lets_in(replace(where, settings={"callback_overlap_hours": 0}), OLD)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_a_former_key_is_taken_in_either_encoding(encoding):
    where = replaced("sinch_whatsapp", hours_ago=1)
    headers = signing.sign_whatsapp(OLD, BODY, nonce="n", encoding=encoding)
    assert registry.listener("sinch_whatsapp").verify(where, headers, BODY, now=NOW) == "n"


def test_a_signature_with_the_former_secret_grows_stale_too():
    where = replaced("sinch_conversation", hours_ago=1)
    with pytest.raises(InvalidSignatureError) as refused:
        registry.listener(where.kind).verify(
            where, SIGNED_BY[where.kind](OLD), BODY, now=NOW + timedelta(minutes=6)
        )
    assert refused.value.code == "signature_stale"


@pytest.mark.parametrize("nonsense", [None, "soon", [], "nan", 1e300])
def test_a_time_that_is_none_is_a_day(nonsense):
    assert lets_in(replaced("pepipost", 23, callback_overlap_hours=nonsense), OLD)
    assert not lets_in(replaced("pepipost", 24, callback_overlap_hours=nonsense), OLD)


def test_of_two_replaced_in_one_day_both_count():
    """Whoever mistyped the first one still has the secret that is really in use."""
    typo = replaced("pepipost", hours_ago=2).credentials
    after = {**typo, "callback_secret": "the-third"}
    kept = callback_secrets.with_former(typo, after, {}, NOW - timedelta(hours=1))
    where = replace(account("pepipost", "http://127.0.0.1:9"), credentials=kept)
    assert [lets_in(where, one) for one in ("the-third", NEW, OLD)] == [True] * 3


def test_a_secret_that_is_taken_away_leaves_none_behind():
    before = replaced("pepipost", hours_ago=1)
    gone = {**before.credentials, "callback_secret": ""}
    kept = callback_secrets.with_former(before.credentials, gone, {}, NOW)
    bare = replace(before, credentials=kept)
    assert not registry.listener("pepipost").is_signed(bare)
    assert callback_secrets.accepted(bare, "callback_secret", NOW) == []
    again = callback_secrets.with_former(kept, {**kept, "callback_secret": "the-third"}, {}, NOW)
    assert NEW not in again.values()


# --- saved and posted


def replace_secret(made, **credentials):
    made.credentials = {**fetched(made).credentials, **credentials}
    accounts.save(made)


@pytest.mark.django_db
def test_what_is_signed_as_before_still_arrives_after_the_secret_was_replaced(sinch):
    replace_secret(sinch, callback_secret=NEW)
    assert post(sinch, message(id="m-1")) == 200
    sinch.settings = {**sinch.settings, "callback_overlap_hours": 0}
    accounts.save(sinch)
    assert post(sinch, message(id="m-2")) == 401


@pytest.mark.django_db
def test_the_former_address_counts_as_long_as_a_former_secret(sender):
    pepipost = listening("pepipost", sender=sender, credentials={"callback_token": OLD})
    replace_secret(pepipost, callback_token=NEW)
    content = {"incoming_message": [{"from": NUMBER, "message_id": "m-1"}]}
    answers = [post(pepipost, content, query=f"?token={one}") for one in (NEW, OLD, "another", "")]
    assert answers == [200, 200, 401, 401]


@pytest.mark.django_db
def test_saving_forgets_former_secrets_that_have_had_their_time(sinch):
    replace_secret(sinch, callback_secret=NEW)
    [former] = [name for name in fetched(sinch).credentials if "@" in name]
    aged = {**fetched(sinch).credentials, "callback_secret@2026-01-01T00:00:00+00:00": "aged"}
    ProviderAccount.objects.filter(id=sinch.id).update(credentials=aged)
    accounts.save(fetched(sinch))
    assert [name for name in fetched(sinch).credentials if "@" in name] == [former]


@pytest.mark.django_db
def test_other_credentials_leave_nothing_behind(sinch):
    replace_secret(sinch, key_secret=NEW)
    assert not [name for name in fetched(sinch).credentials if "@" in name]

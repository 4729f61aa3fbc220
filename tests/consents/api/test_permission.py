"""`permission/`, `permissions/` and `permission/confirmation/`: the gate over the wire."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from consents import ledger, verdicts
from consents.api.fields import shown_time
from consents.models import Confirmation, Consent, Purpose
from consents.writing import database_clock
from tests.consents.api.caller import code_of, issue
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    MessageFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    ago,
    british_number,
)

pytestmark = pytest.mark.django_db
ASKED = {"channel": "WHATSAPP", "identity": NUMBER}


def test_an_opt_in_lets_templates_pass(api):
    event = OptInFactory()
    answer = api.get("permission/", **ASKED)
    assert answer.status_code == 200
    body = answer.json()
    assert body.pop("as_of").endswith("Z")
    assert body == {
        "allowed": True,
        "modes": ["template"],
        "basis": "opt_in",
        "reason": None,
        "expires_at": None,
        "free_form_until": None,
        "event": str(event.id),
        "valid_for": 5,
        "channel": "WHATSAPP",
        "purpose": "service",
    }


def test_an_opt_in_that_is_good_for_a_time_says_until_when_and_then_why_not(api):
    marketing = Purpose.objects.get(key="marketing")
    marketing.validity_days = 365
    marketing.save()
    event = OptInFactory(purpose="marketing", occurred_at=ago(days=364))
    ending = api.get("permission/", **ASKED, purpose="marketing").json()
    assert ending["expires_at"] == shown_time(event.occurred_at + timedelta(days=365))
    OptInFactory(identity=OTHER_NUMBER, purpose="marketing", occurred_at=ago(days=366))
    asked = {"channel": "WHATSAPP", "identity": OTHER_NUMBER, "purpose": "marketing"}
    ended = api.get("permission/", **asked).json()
    assert (ended["allowed"], ended["reason"], ended["expires_at"]) == (False, "expired", None)


def test_a_message_opens_the_window_until_a_time(api):
    MessageFactory()
    body = api.get("permission/", **ASKED).json()
    assert (body["allowed"], body["basis"]) == (True, "customer_window")
    assert body["expires_at"] == body["free_form_until"] is not None


def test_who_is_not_known_must_not_be_written_to(api):
    body = api.get("permission/", **ASKED).json()
    assert (body["allowed"], body["reason"]) == (False, "unknown_identity")


@pytest.mark.parametrize("written", [f"+{NUMBER}", f" {NUMBER}", "+46 73-200 11 22"])
def test_a_plus_is_read_rightly_also_where_it_arrives_as_a_space(api, written):
    OptInFactory()
    assert api.get("permission/", channel="whatsapp", identity=written).json()["allowed"]


def test_an_unescaped_plus_in_the_address_bar_is_read_rightly(api):
    OptInFactory(channel="EMAIL", identity="ada+news@example.org")
    path = "/api/v1/permission/?channel=EMAIL&identity=ada+news@example.org"
    answer = api.client.get(path, headers={"Authorization": f"Bearer {api.key}"})
    assert answer.json()["allowed"]


def test_an_identity_nobody_can_read_is_an_answer(api):
    body = api.get("permission/", channel="SMS", identity="nobody").json()
    assert (body["allowed"], body["reason"]) == (False, "invalid_identity")


@pytest.mark.parametrize("separator", ["+", " "])
def test_the_past_is_asked_by_a_time_with_its_zone(api, separator):
    OptInFactory()
    before = (timezone.now() - timedelta(days=1)).strftime(f"%Y-%m-%dT%H:%M:%S{separator}00:00")
    body = api.get("permission/", **ASKED, at=before).json()
    assert (body["allowed"], body["reason"], body["valid_for"]) == (False, "no_opt_in", 0)


def asked_at(api, at, **query):
    """What the gate says of another time: whether it allows, and why not."""
    body = api.get("permission/", **ASKED, at=at.isoformat(), **query).json()
    assert body["as_of"] == shown_time(at)
    assert body["valid_for"] == 0
    return body["allowed"], body["reason"]


def test_between_an_opt_in_and_an_opt_out_it_was_allowed(api):
    before = database_clock()
    OptInFactory()
    between = database_clock()
    OptOutFactory()
    after = database_clock()
    for hindsight in ("false", "true"):
        assert asked_at(api, before, hindsight=hindsight) == (False, "no_opt_in")
        assert asked_at(api, between, hindsight=hindsight) == (True, None)
        assert asked_at(api, after, hindsight=hindsight) == (False, "opted_out")


def test_hindsight_knows_what_was_told_later(api):
    OptInFactory()
    then = database_clock()
    OptOutFactory(occurred_at=then - timedelta(microseconds=1))
    assert asked_at(api, then) == (True, None)
    assert asked_at(api, then, hindsight="true") == (False, "opted_out")


def test_hindsight_knows_of_a_message_that_was_told_later(api):
    then = timezone.now() - timedelta(days=2)
    MessageFactory(received_at=then)
    an_hour_later, a_day_later = then + timedelta(hours=1), then + timedelta(hours=24)
    assert asked_at(api, an_hour_later) == (False, "no_opt_in")
    assert asked_at(api, an_hour_later, hindsight="true") == (True, None)
    assert asked_at(api, a_day_later, hindsight="true") == (False, "window_closed")


def test_hindsight_knows_what_has_been_voided_since(api):
    event = OptInFactory()
    then = database_clock()
    ledger.void(event, note="the wrong person", actor="ada")
    assert asked_at(api, then) == (True, None)
    assert asked_at(api, then, hindsight="true") == (False, "no_opt_in")


def test_the_past_is_answered_by_the_ledger_and_not_by_the_state_kept_beside_it(api):
    OptInFactory()
    then = database_clock()
    Consent.objects.all().delete()
    assert asked_at(api, then) == (True, None)


def test_a_time_to_come_is_answered_by_what_is_known_now(api):
    MessageFactory()
    now = timezone.now()
    assert asked_at(api, now + timedelta(hours=23)) == (True, None)
    assert asked_at(api, now + timedelta(hours=25)) == (False, "window_closed")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "channel_required"),
        ({"channel": "WHATSAPP"}, "identity_required"),
        ({**ASKED, "channel": "FAX"}, "unknown_channel"),
        ({**ASKED, "purpose": "world-peace"}, "unknown_purpose"),
        ({**ASKED, "purpose": "all"}, "purpose_not_askable"),
        ({**ASKED, "at": "2026-01-31T12:00:00"}, "invalid_at"),
        ({**ASKED, "at": "0001-01-01T00:00:00+14:00"}, "invalid_at"),
        ({**ASKED, "hindsight": "maybe"}, "unknown_hindsight"),
        ({**ASKED, "identity": "4673200\0"}, "invalid_identity"),
        ({**ASKED, "when": "now"}, "unknown_parameter"),
    ],
)
def test_a_question_that_cannot_be_is_refused(api, query, code):
    assert code_of(api.get("permission/", **query)) == (400, code)


@pytest.mark.parametrize("at", ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_any_time_can_be_asked_about(api, at):
    MessageFactory()
    assert api.get("permission/", **ASKED, at=at).json()["allowed"] is False


def test_one_question_is_one_query_besides_those_about_the_key(api, django_assert_max_num_queries):
    OptInFactory()
    api.get("permission/", **ASKED)
    with django_assert_max_num_queries(3):
        api.get("permission/", **ASKED)


def test_an_answer_is_of_the_senders_own_consents(sender):
    SenderFactory(key="other")
    OptInFactory()
    assert issue("check").get("permission/", **ASKED).json()["allowed"]
    assert not issue("check", senders=["other"]).get("permission/", **ASKED).json()["allowed"]


def test_many_are_answered_in_their_order(api):
    OptInFactory()
    OptOutFactory(identity=OTHER_NUMBER)
    asked = [OTHER_NUMBER, "nobody", int(NUMBER), british_number(1), f"+{NUMBER}", None]
    answer = api.post("permissions/", {"channel": "WHATSAPP", "identities": asked})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [one["index"] for one in results] == list(range(len(asked)))
    assert [one["reason"] for one in results] == [
        "opted_out",
        "invalid_identity",
        None,
        "unknown_identity",
        None,
        "invalid_identity",
    ]
    assert [one["identity"] for one in results][:3] == [OTHER_NUMBER, None, NUMBER]


def test_many_are_shown_as_each_is_shown(api):
    OptInFactory(channel="TELEGRAM", identity='åda"1')
    OptInFactory()
    MessageFactory()
    StopFactory(identity=OTHER_NUMBER)
    asked = [
        ("TELEGRAM", ['åda"1', "b\\c", "nobody", 7]),
        ("WHATSAPP", [NUMBER, OTHER_NUMBER, british_number(1), "x", [], {}]),
    ]
    for channel, identities in asked:
        body = {"channel": channel, "purpose": "service", "identities": identities}
        answer = api.post("permissions/", body)
        assert answer.headers["Content-Type"] == "application/json"
        many = json.loads(answer.content)
        assert verdicts.compact(many).encode() == answer.content
        assert [many["channel"], many["purpose"]] == [channel, "service"]
        for given, one in zip(identities, many["results"], strict=True):
            alone = api.get("permission/", channel=channel, identity=str(given)).json()
            same = {name: one[name] for name in ("as_of", "valid_for")}
            del alone["channel"], alone["purpose"]
            shown = {name: value for name, value in one.items() if name in alone}
            assert list(shown.items()) == list({**alone, **same}.items())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"identities": [NUMBER] * 10_001}, "too_many_items"),
        ({"identities": NUMBER}, "identities_required"),
        ({"channel": "FAX"}, "unknown_channel"),
        ({"purpose": "all"}, "purpose_not_askable"),
        ({"purpose": "world-peace"}, "unknown_purpose"),
    ],
)
def test_many_cannot_be_asked_for_nonsense(api, change, code):
    asked = {"channel": "WHATSAPP", "identities": [NUMBER]}
    assert code_of(api.post("permissions/", {**asked, **change})) == (400, code)


def test_the_confirmation_of_an_opt_out_is_claimed_once(api):
    event = StopFactory()
    first = api.post("permission/confirmation/", ASKED).json()
    assert (first["allowed"], first["basis"], first["event"]) == (
        True,
        "confirmation",
        str(event.id),
    )
    second = api.post("permission/confirmation/", ASKED).json()
    assert (second["allowed"], second["reason"]) == (False, "confirmation_used")
    assert Confirmation.objects.count() == 1


def test_a_claim_repeated_under_its_key_gets_the_first_answer(api):
    StopFactory()
    key = str(uuid.uuid4())
    first = api.post("permission/confirmation/", ASKED, Idempotency_Key=key)
    again = api.post("permission/confirmation/", ASKED, Idempotency_Key=key)
    assert first.json()["allowed"]
    assert again.content == first.content


def test_nothing_can_be_confirmed_where_nobody_opted_out(api):
    OptInFactory()
    answer = api.post("permission/confirmation/", ASKED)
    assert code_of(answer) == (409, "nothing_to_confirm")

"""Double opt-in over the API: what recording answers, and the door by which it is confirmed."""

import re
import uuid

import pytest

from consents.models import ConsentEvent, EventDetail
from tests.consents.api.caller import code_of, issue
from tests.consents.api.test_consent_events import OPT_IN
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    RequestFactory,
    SenderFactory,
    StopFactory,
    ago,
    confirmed_within,
    state_of,
)

ASKED = {**OPT_IN, "purpose": "marketing"}
CLICK = {"ip": "192.0.2.44", "user_agent": "Firefox"}


@pytest.fixture(autouse=True)
def marketing(sender):
    return confirmed_within(48)


def confirm(api, request, body=CLICK, **headers):
    return api.post(f"consent-events/{request}/confirm/", body, **headers)


# --- what recording answers


def test_an_opt_in_that_has_to_be_confirmed_says_until_when_and_where(api, settings):
    settings.PUBLIC_URL = "https://consent.example.com"
    answer = api.post("consent-events/", ASKED)
    assert answer.status_code == 201
    body = answer.json()
    said = (body["action"], body["effective"], body["outcome"])
    assert said == ("opt_in_requested", False, "unconfirmed")
    kept = EventDetail.objects.get(event=body["id"]).evidence["confirmation"]["until"]
    assert body["confirmation"]["expires_at"] == kept
    url = body["confirmation"]["url"]
    assert re.fullmatch(r"https://consent\.example\.com/confirm/[\w.-]+/", url)
    assert NUMBER not in url


def test_the_first_answer_again_has_the_same_link(api):
    first = api.post("consent-events/", ASKED, Idempotency_Key="k")
    assert api.post("consent-events/", ASKED, Idempotency_Key="k").content == first.content
    assert ConsentEvent.objects.count() == 1


def test_in_bulk_each_that_waits_says_so(api):
    other = {**ASKED, "purpose": "utility"}
    [first, second] = api.post("consent-events/bulk/", {"events": [ASKED, other]}).json()["results"]
    assert first["event"]["confirmation"]["url"]
    assert "confirmation" not in second["event"]


def test_of_a_contact_each_address_is_confirmed_by_itself(api):
    contact = ContactFactory()
    for number in (NUMBER, OTHER_NUMBER):
        OptInFactory(identity=number, contact=contact, purpose="utility")
    asked = {"action": "opt_in", "purpose": "marketing", "source": "WEB"}
    events = api.post("consent-events/", {**asked, "contact": str(contact.id)}).json()["events"]
    assert len({one["confirmation"]["url"] for one in events}) == 2


def test_whoever_only_reads_is_shown_no_link(api):
    request = api.post("consent-events/", ASKED).json()["id"]
    shown = [api.get("consent-events/").json(), api.get(f"consent-events/{request}/").json()]
    assert "/confirm/" not in str(shown)


def test_a_proof_of_a_confirmation_elsewhere_makes_it_an_opt_in_at_once(api):
    proof = {"occurred_at": "2026-01-31T12:00:00Z", "ip": "192.0.2.9", "method": "link"}
    body = api.post("consent-events/", {**ASKED, "evidence": {"confirmation": proof}}).json()
    assert (body["action"], body["outcome"]) == ("opt_in", "changed")


def test_a_proof_that_is_none_is_refused(api):
    answer = api.post("consent-events/", {**ASKED, "evidence": {"confirmation": True}})
    assert code_of(answer) == (400, "invalid_confirmation")
    assert answer.json()["error"]["field"] == "evidence"
    assert not ConsentEvent.objects.exists()


# --- confirming


def test_the_opt_in_is_answered_and_keeps_the_confirming_side(api):
    request = RequestFactory()
    answer = confirm(api, request.id)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["action"], body["outcome"], body["origin"]) == ("opt_in", "changed", "api")
    assert (body["cause"], body["purpose"]) == (str(request.id), "marketing")
    detail = EventDetail.objects.get(event=body["id"])
    assert (detail.ip, detail.user_agent) == ("192.0.2.44", "Firefox")
    assert detail.evidence["confirmed_by"] == "api"
    assert state_of(purpose="marketing") == "opted_in"


def test_once_more_it_is_answered_alike(api):
    request = RequestFactory()
    assert confirm(api, request.id).json() == confirm(api, request.id, {}).json()
    assert ConsentEvent.objects.count() == 2


def test_when_the_person_did_may_be_said(api):
    request = RequestFactory(occurred_at=ago(hours=2))
    said_at = ago(hours=1)
    body = confirm(api, request.id, {"occurred_at": said_at.isoformat()}).json()
    assert body["occurred_at"] == said_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_too_late_and_withdrawn_are_told_apart(api):
    assert code_of(confirm(api, RequestFactory(taken_at=ago(hours=49)).id)) == (
        409,
        "confirmation_expired",
    )
    request = RequestFactory()
    StopFactory()
    assert code_of(confirm(api, request.id)) == (409, "confirmation_withdrawn")
    assert not ConsentEvent.objects.filter(action="opt_in").exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"ip": "nowhere"}, "invalid_ip"),
        ({"ip": 7}, "invalid_ip"),
        ({"user_agent": 7}, "invalid_user_agent"),
        ({"occurred_at": "yesterday"}, "invalid_occurred_at"),
        ({"occurred_at": "1999-01-31T12:00:00Z"}, "invalid_occurred_at"),
        ({"occurred_at": "2999-01-31T12:00:00Z"}, "occurred_in_future"),
        ({"purpose": "marketing"}, "unknown_field"),
    ],
)
def test_nonsense_is_refused_and_confirms_nothing(api, body, code):
    assert code_of(confirm(api, RequestFactory().id, body)) == (400, code)
    assert ConsentEvent.objects.count() == 1


def test_any_other_line_asks_for_no_confirmation(api):
    assert code_of(confirm(api, StopFactory().id)) == (409, "not_a_request")


def test_what_is_not_there_or_another_senders_is_not_found(api):
    other = SenderFactory()
    theirs = RequestFactory(sender=other.key)
    for id in (theirs.id, uuid.uuid4()):
        assert code_of(confirm(api, id)) == (404, "not_found")
    assert ConsentEvent.objects.count() == 1


def test_it_takes_the_scope_that_records():
    request = RequestFactory()
    assert code_of(confirm(issue("read", "check", "manage"), request.id)) == (403, "scope_missing")
    assert confirm(issue("record"), request.id).status_code == 200

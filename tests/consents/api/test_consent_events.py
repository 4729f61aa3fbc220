"""`POST consent-events/`: one line written."""

import uuid

import pytest

from consents.models import ApiKey, ConsentEvent, Contact, EventDetail
from tests.consents.api.caller import code_of
from tests.consents.factories import NUMBER, OTHER_NUMBER, ContactFactory, OptInFactory

pytestmark = pytest.mark.django_db
OPT_IN = {"action": "opt_in", "channel": "WHATSAPP", "identity": NUMBER, "source": "WEB"}


def test_an_opt_in_is_recorded_and_answered_with_its_effect(api):
    answer = api.post("consent-events/", OPT_IN)
    assert answer.status_code == 201
    event = ConsentEvent.objects.get()
    body = answer.json()
    assert body["id"] == str(event.id)
    assert body["seq"] == event.seq
    assert body["contact"] == str(event.identity.contact_id)
    assert body["recorded_at"] == event.recorded_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    said = {name: body[name] for name in ("action", "channel", "identity", "purpose", "origin")}
    assert said == {
        "action": "opt_in",
        "channel": "WHATSAPP",
        "identity": NUMBER,
        "purpose": "all",
        "origin": "api",
    }
    assert (body["effective"], body["outcome"], body["cause"]) == (True, "changed", None)
    assert "events" not in body


def test_a_repeated_opt_in_is_a_success_without_effect(api):
    api.post("consent-events/", OPT_IN)
    answer = api.post("consent-events/", OPT_IN)
    assert answer.status_code == 201
    assert (answer.json()["effective"], answer.json()["outcome"]) == (False, "no_change")


def test_the_ledger_names_the_key_by_its_public_part(api):
    answer = api.post("consent-events/", OPT_IN)
    assert answer.json()["actor"] == ApiKey.objects.get().prefix
    assert api.key not in answer.content.decode()


def test_what_is_personal_is_kept_apart_from_the_line(api):
    sent = {"ip": "192.0.2.7", "user_agent": "Browser", "evidence": {"form": "f1"}, "note": "ok"}
    event = api.post("consent-events/", {**OPT_IN, **sent}).json()
    assert not set(sent) & set(event)
    detail = EventDetail.objects.get(event=event["id"])
    assert (detail.ip, detail.user_agent, detail.note) == ("192.0.2.7", "Browser", "ok")
    assert api.get(f"consent-events/{event['id']}/").json()["detail"] == sent


def test_an_integer_is_an_identity_too(api):
    assert api.post("consent-events/", {**OPT_IN, "identity": int(NUMBER)}).status_code == 201
    assert ConsentEvent.objects.get().identity.address == NUMBER


def test_null_is_the_same_as_leaving_a_field_out(api):
    empty = dict.fromkeys(["purpose", "contact", "channels", "ip", "evidence", "occurred_at"])
    assert api.post("consent-events/", {**OPT_IN, **empty}).status_code == 201


def test_the_time_it_happened_is_kept_as_utc(api):
    said = {**OPT_IN, "occurred_at": "2026-01-31T13:00:00+01:00"}
    assert api.post("consent-events/", said).json()["occurred_at"] == "2026-01-31T12:00:00.000000Z"


@pytest.mark.parametrize("named_by", ["id", "external_id"])
def test_a_contact_is_named_by_our_id_or_the_callers(api, named_by):
    contact = ContactFactory(external_id="crm-7")
    for channel in ("WHATSAPP", "SMS"):
        OptInFactory(channel=channel, contact=contact)
    body = {"action": "opt_out", "contact": str(getattr(contact, named_by)), "source": "CRM"}
    answer = api.post("consent-events/", body).json()
    assert sorted(event["channel"] for event in answer["events"]) == ["SMS", "WHATSAPP"]
    assert answer["id"] == answer["events"][0]["id"]
    assert answer["events"][1]["cause"] == answer["id"]


@pytest.mark.parametrize("narrowed", [{"channels": ["SMS"]}, {"channel": "SMS"}])
def test_an_opt_out_of_a_contact_can_be_kept_to_some_channels(api, narrowed):
    contact = ContactFactory(external_id="crm-7")
    for channel in ("WHATSAPP", "SMS"):
        OptInFactory(channel=channel, contact=contact)
    body = {"action": "opt_out", "contact": "crm-7", **narrowed, "source": "CRM"}
    answer = api.post("consent-events/", body).json()
    assert answer["channel"] == "SMS"
    assert "events" not in answer


def test_a_new_identity_joins_the_contact_named(api):
    contact = ContactFactory(external_id="crm-7")
    api.post("consent-events/", {**OPT_IN, "contact": "crm-7"})
    assert [one.address for one in contact.identities.all()] == [NUMBER]
    assert Contact.objects.count() == 1


def test_an_identity_of_somebody_else_is_a_conflict(api):
    ContactFactory(external_id="crm-7")
    OptInFactory(identity=OTHER_NUMBER, contact=ContactFactory(external_id="crm-8"))
    answer = api.post("consent-events/", {**OPT_IN, "identity": OTHER_NUMBER, "contact": "crm-7"})
    assert code_of(answer) == (409, "identity_conflict")


def test_an_event_that_is_not_there_is_not_found(api):
    assert code_of(api.get(f"consent-events/{uuid.uuid4()}/")) == (404, "not_found")
    assert code_of(api.get("consent-events/7/")) == (404, "not_found")

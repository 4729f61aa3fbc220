"""`contacts/`: people, as their sender knows them."""

import uuid

import pytest

from consents.models import ApiKey, ChannelIdentity, ConsentEvent, Contact, Disclosure
from tests.consents.api.caller import code_of, issue
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    ContactFactory,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    british_number,
)

pytestmark = pytest.mark.django_db
ADA = {"external_id": "crm-1", "display_name": "Ada", "language": "sv"}


def ids(answer):
    return {contact["id"] for contact in answer.json()["results"]}


def test_a_contact_is_made_with_its_identities(api):
    identities = [
        {"channel": "WHATSAPP", "identity": f"+{NUMBER}"},
        {"channel": "SMS", "identity": NUMBER},
    ]
    answer = api.post("contacts/", {**ADA, "identities": identities})
    assert answer.status_code == 201
    body = answer.json()
    assert {name: body[name] for name in ADA} == ADA
    assert body["sender"] == "default"
    assert sorted(one["channel"] for one in body["identities"]) == ["SMS", "WHATSAPP"]
    assert {one["identity"] for one in body["identities"]} == {NUMBER}
    assert api.get(f"contacts/{body['id']}/").json() == body


def test_a_contact_may_be_made_of_nothing(api):
    answer = api.post("contacts/", {})
    assert (answer.status_code, answer.json()["external_id"]) == (201, None)
    assert api.post("contacts/", {"external_id": ""}).status_code == 201


def test_an_external_id_names_one_contact_of_a_sender(api):
    api.post("contacts/", ADA)
    assert code_of(api.post("contacts/", ADA)) == (409, "external_id_taken")
    SenderFactory(key="other")
    assert issue(senders=["other"]).post("contacts/", ADA).status_code == 201


def test_an_identity_of_somebody_else_makes_no_contact(api):
    OptInFactory()
    identities = [
        {"channel": "SMS", "identity": NUMBER},
        {"channel": "WHATSAPP", "identity": NUMBER},
    ]
    answer = api.post("contacts/", {**ADA, "identities": identities})
    assert code_of(answer) == (409, "identity_conflict")
    assert Contact.objects.count() == ChannelIdentity.objects.count() == 1


def test_a_change_leaves_alone_what_it_does_not_name(api):
    contact = ContactFactory(external_id="crm-1", display_name="Ada")
    body = api.patch(f"contacts/{contact.id}/", {"language": "pt-BR"}).json()
    assert (body["external_id"], body["display_name"], body["language"]) == (
        "crm-1",
        "Ada",
        "pt-BR",
    )
    body = api.patch(f"contacts/{contact.id}/", {"external_id": None, "display_name": ""}).json()
    assert (body["external_id"], body["display_name"], body["language"]) == (None, "", "pt-BR")


def test_a_change_to_what_cannot_be_changes_nothing(api):
    ContactFactory(external_id="crm-1")
    contact = ContactFactory(external_id="crm-2")
    taken = api.patch(f"contacts/{contact.id}/", {"external_id": "crm-1", "display_name": "Bea"})
    assert code_of(taken) == (409, "external_id_taken")
    assert code_of(api.patch(f"contacts/{contact.id}/", {"sender": "x"})) == (400, "unknown_field")
    assert code_of(api.patch(f"contacts/{contact.id}/", {"language": "?"})) == (
        400,
        "invalid_language",
    )
    contact.refresh_from_db()
    assert (contact.external_id, contact.display_name) == ("crm-2", "")


def test_a_contact_is_not_deleted_and_the_answer_says_why(api):
    contact = ContactFactory()
    answer = api.send("delete", f"contacts/{contact.id}/")
    assert code_of(answer) == (405, "method_not_allowed")
    assert "ledger" in answer.json()["error"]["message"]
    assert "DELETE" not in answer.headers["Allow"]
    assert Contact.objects.exists()


@pytest.mark.parametrize(
    ("query", "finds"),
    [
        ({}, {"ada", "bea"}),
        ({"identity": NUMBER}, {"ada"}),
        ({"identity": "+46 73-200 11 22"}, {"ada"}),
        ({"identity": NUMBER, "channel": "SMS"}, set()),
        ({"channel": "SMS"}, {"bea"}),
        ({"external_id": "crm-2"}, {"bea"}),
        ({"external_id": "crm"}, set()),
    ],
)
def test_contacts_are_found_by_what_is_known_of_them(api, query, finds):
    people = {
        "ada": ContactFactory(external_id="crm-1"),
        "bea": ContactFactory(external_id="crm-2"),
    }
    OptInFactory(contact=people["ada"])
    OptInFactory(contact=people["bea"], channel="SMS", identity=OTHER_NUMBER)
    assert ids(api.get("contacts/", **query)) == {str(people[name].id) for name in finds}


def test_a_contact_of_another_sender_is_not_there(api):
    contact = ContactFactory(sender=SenderFactory(key="other"))
    for path in (f"contacts/{contact.id}/", f"contacts/{contact.id}/timeline/"):
        assert code_of(api.get(path)) == (404, "not_found")
        assert code_of(api.get(path.replace(str(contact.id), str(uuid.uuid4())))) == (
            404,
            "not_found",
        )
    assert code_of(api.patch(f"contacts/{contact.id}/", {})) == (404, "not_found")
    assert ids(api.get("contacts/")) == set()


def test_the_timeline_shows_what_happened_newest_first(api):
    contact = ContactFactory()
    first = OptInFactory(contact=contact)
    second = OptOutFactory(contact=contact, channel="SMS")
    OptInFactory(identity=british_number(1))
    moments = api.get(f"contacts/{contact.id}/timeline/").json()["results"]
    events = [moment for moment in moments if moment["kind"] == "event"]
    assert [moment["id"] for moment in events] == [str(second.id), str(first.id)]
    assert events[0]["data"]["action"] == "opt_out"
    newest = api.get(f"contacts/{contact.id}/timeline/", limit=1).json()["results"]
    assert len(newest) == 1


# --- forgotten


def test_a_person_is_erased_and_the_answer_says_what_is_kept(api):
    contact = OptInFactory(contact=ContactFactory(**ADA)).identity.contact
    body = api.post(f"contacts/{contact.id}/erase/").json()
    assert (body["contact"], body["finished_at"] is None) == (str(contact.id), False)
    assert [one["what"] for one in body["kept"]] == ["ledger_lines", "address_hashes"]
    shown = api.get(f"contacts/{contact.id}/").json()
    assert (shown["external_id"], shown["display_name"], shown["language"]) == (None, "", "")
    assert shown["identities"][0]["identity"] is None
    answer = api.get("permission/", channel="WHATSAPP", identity=NUMBER).json()
    assert answer["reason"] == "opted_out"
    assert ConsentEvent.objects.latest("seq").actor == ApiKey.objects.get().prefix


def test_the_erased_are_found_by_their_address_and_not_named_again(api):
    contact = OptInFactory(contact=ContactFactory(**ADA)).identity.contact
    api.post(f"contacts/{contact.id}/erase/")
    assert ids(api.get("contacts/", identity=NUMBER)) == {str(contact.id)}
    assert code_of(api.patch(f"contacts/{contact.id}/", ADA)) == (409, "erased")
    said = {"action": "opt_in", "contact": str(contact.id), "source": "WEB"}
    assert code_of(api.post("consent-events/", said)) == (409, "erased")


def test_erasing_again_answers_the_same_and_changes_nothing(api, counts):
    contact = OptInFactory().identity.contact
    first = api.post(f"contacts/{contact.id}/erase/", Idempotency_Key=NUMBER)
    before = counts()
    for key in ({"Idempotency_Key": NUMBER}, {}):
        assert api.post(f"contacts/{contact.id}/erase/", **key).json() == first.json()
    assert counts() == before


def test_to_erase_takes_its_own_right(api):
    contact = OptInFactory().identity.contact
    path = f"contacts/{contact.id}/erase/"
    assert code_of(issue("record", "read").post(path)) == (403, "scope_missing")
    SenderFactory(key="other")
    assert code_of(issue(senders=["other"]).post(path)) == (404, "not_found")
    assert code_of(api.post(path, {"reason": "asked"})) == (400, "unknown_field")
    assert api.get(path).status_code == 405
    assert ChannelIdentity.objects.get().address == NUMBER


# --- handed out


def test_a_person_is_handed_out_whole_and_the_key_that_did_it_is_noted(api):
    contact = OptInFactory(contact=ContactFactory(**ADA)).identity.contact
    body = api.get(f"contacts/{contact.id}/export/").json()
    assert body["contact"]["display_name"] == "Ada"
    assert body["held"]["events"][0]["action"] == "opt_in"
    assert body["held"]["disclosures"][0]["actor"] == ApiKey.objects.get().prefix


def test_to_take_out_a_file_takes_its_own_right(api):
    path = f"contacts/{OptInFactory().identity.contact_id}/export/"
    assert code_of(issue("record", "read").get(path)) == (403, "scope_missing")
    SenderFactory(key="other")
    assert code_of(issue(senders=["other"]).get(path)) == (404, "not_found")
    assert not Disclosure.objects.exists()

"""What the providers' pages promise a program as a whole, from its call to what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from consents import gate
from consents.models import Sender
from providers import verdicts
from providers.contract import Result
from providers.models import ProviderAccount
from tests.consents.factories import NUMBER, ContactFactory, MessageFactory, OptInFactory, ago
from tests.providers.dropin_caller import DropinCaller, detail, lines, people
from tests.providers.factories import AccountFactory, claim, settled
from tests.providers.listening import EndpointFactory, owed, results

pytestmark = pytest.mark.django_db

PURPOSES = ["service", "utility", "authentication", "marketing"]
BY_IDENTITY = people(("WHATSAPP", NUMBER))
RESULTS = {"optins": "OPT_IN", "optouts": "OPT_OUT"}
both_ways = pytest.mark.parametrize("what", list(RESULTS))


@pytest.fixture
def app(sender: Sender) -> ProviderAccount:
    AccountFactory(sender=sender, kind="sinch_whatsapp", name="bot")
    return AccountFactory(sender=sender, kind="sinch_conversation", name="app")


@pytest.fixture
def caller(app: ProviderAccount) -> DropinCaller:
    return DropinCaller()


def may_send(sender: Sender, purpose: str = "service", **how: Any) -> bool:
    return gate.check(sender, "WHATSAPP", NUMBER, purpose, **how).allowed


# --- opting in and out


@pytest.mark.parametrize("purpose", PURPOSES)
def test_an_opt_in_is_mandatory_before_any_message_to_any_number(
    caller: DropinCaller, sender: Sender, purpose: str
) -> None:
    assert not may_send(sender, purpose)
    caller.consent("optin", NUMBER)
    assert may_send(sender, purpose)


def test_a_number_opted_in_before_is_opted_out_by_the_same_endpoint(
    caller: DropinCaller, sender: Sender
) -> None:
    caller.consent("optin", NUMBER)
    caller.consent("optout", NUMBER)
    assert lines() == [("opt_in", NUMBER), ("opt_out", NUMBER)]
    assert not may_send(sender)


def test_user_agent_and_ip_may_be_left_out(caller: DropinCaller) -> None:
    assert caller.consent("optin", NUMBER).json()["status"] == "success"
    assert (detail().user_agent, detail().ip) == ("", None)


def test_once_an_opt_in_is_recorded_the_customer_may_be_messaged(
    caller: DropinCaller, sender: Sender
) -> None:
    assert not may_send(sender)
    caller.provision("POST", "optin", NUMBER)
    assert may_send(sender)


@pytest.mark.parametrize(("method", "end"), [("DELETE", "optin"), ("POST", "optout")])
@pytest.mark.parametrize("purpose", PURPOSES)
def test_an_opt_out_prevents_numbers_from_receiving_messages(
    caller: DropinCaller, sender: Sender, method: str, end: str, purpose: str
) -> None:
    caller.provision("POST", "optin", NUMBER)
    caller.provision(method, end, NUMBER)
    assert not may_send(sender, purpose)


@pytest.mark.parametrize("source", ["SMS", "WEB FORM", "E-MAIL", "DEEP LINK IN PRINT"])
def test_an_opt_in_may_be_collected_through_any_third_party_channel(
    caller: DropinCaller, source: str
) -> None:
    entry = {"recipient": NUMBER, "source": source}
    assert caller.consent("optin", entry).json()["status"] == "success"
    assert detail().event.source == source


# --- the customer's own message


def test_a_customer_who_writes_first_may_be_answered_for_24_hours_since_their_last_message(
    sender: Sender,
) -> None:
    first, last = ago(hours=30), ago(hours=20)
    MessageFactory(received_at=first)
    MessageFactory(received_at=last)
    assert may_send(sender)
    assert not may_send(sender, at=last + timedelta(hours=24))


def test_after_those_24_hours_an_active_opt_in_is_required_again(
    caller: DropinCaller, sender: Sender
) -> None:
    MessageFactory(received_at=ago(hours=25))
    assert not may_send(sender)
    caller.provision("POST", "optin", NUMBER)
    assert may_send(sender)


# --- results of registrations


@both_ways
def test_the_registered_request_is_answered_before_its_result_is_known(
    caller: DropinCaller, what: str
) -> None:
    EndpointFactory()
    assert caller.register(what, BY_IDENTITY).status_code == 200
    verdicts.resolve()
    assert results() == []


@both_ways
def test_the_result_is_told_to_the_webhook_that_has_its_trigger(
    caller: DropinCaller, app: ProviderAccount, what: str
) -> None:
    listening = EndpointFactory(triggers=[RESULTS[what]])
    [other] = set(RESULTS.values()) - {RESULTS[what]}
    EndpointFactory(triggers=[other], url="https://other.example/hooks")
    caller.register(what, BY_IDENTITY, query={"request_id": "01HZREQ"})
    settled(app, Result.SUCCEEDED)
    verdicts.resolve()
    [told] = owed()
    assert (told.endpoint, told.trigger) == (listening, RESULTS[what])
    assert told.request_id == "01HZREQ"


@both_ways
@pytest.mark.parametrize("by", ["contact", "identity"])
def test_a_registration_that_succeeded_has_the_four_fields(
    caller: DropinCaller, app: ProviderAccount, what: str, by: str
) -> None:
    EndpointFactory()
    contact = ContactFactory(external_id="crm-7")
    OptInFactory(contact=contact)
    recipient = {"contact_id": "crm-7"} if by == "contact" else BY_IDENTITY
    caller.register(what, recipient)
    settled(app, Result.SUCCEEDED)
    verdicts.resolve()
    assert results()[-1] == {
        "contact_id": "crm-7" if by == "contact" else str(contact.id),
        "channel": "WHATSAPP",
        "identity": NUMBER,
        "status": f"{RESULTS[what]}_SUCCEEDED",
    }


@both_ways
def test_a_registration_that_failed_says_why_in_error_details(
    caller: DropinCaller, app: ProviderAccount, what: str
) -> None:
    EndpointFactory()
    caller.register(what, BY_IDENTITY)
    settled(app, Result.REJECTED, "INVALID_ARGUMENT")
    verdicts.resolve()
    [told] = results()
    assert told["status"] == f"{RESULTS[what]}_FAILED"
    assert "INVALID_ARGUMENT" in told["error_details"]["description"]


@both_ways
def test_a_contact_without_an_identity_on_the_channel_is_told_as_failed(
    caller: DropinCaller, what: str
) -> None:
    EndpointFactory()
    ContactFactory(external_id="crm-7")
    assert caller.register(what, {"contact_id": "crm-7"}).status_code == 200
    verdicts.resolve()
    [told] = results()
    assert (told["contact_id"], told["status"]) == ("crm-7", f"{RESULTS[what]}_FAILED")
    assert told["error_details"]["description"]


@both_ways
def test_a_channel_that_supports_no_opt_in_or_opt_out_is_told_as_unspecified(
    caller: DropinCaller, what: str
) -> None:
    EndpointFactory()
    caller.register(what, people(("SMS", NUMBER)), channels=["SMS"])
    verdicts.resolve()
    [told] = results()
    assert told["status"] == f"{RESULTS[what]}_STATUS_UNSPECIFIED"
    assert (told["channel"], told["identity"]) == ("SMS", NUMBER)
    assert "error_details" not in told


def test_what_is_registered_is_carried_to_the_underlying_channel(
    caller: DropinCaller, app: ProviderAccount
) -> None:
    caller.register("optins", BY_IDENTITY)
    [call] = claim(app)
    assert [(one.kind, one.channel, one.identity) for one in call.changes] == [
        ("opt_in", "WHATSAPP", NUMBER)
    ]


def test_a_program_cannot_lift_what_a_person_said_themselves_and_is_told_so(
    caller: DropinCaller, app: ProviderAccount
) -> None:
    MessageFactory(text="STOP")
    settled(app, Result.SUCCEEDED)
    EndpointFactory()
    assert caller.register("optins", BY_IDENTITY).status_code == 200
    verdicts.resolve()
    [told] = results()
    assert told["status"] == "OPT_IN_FAILED"

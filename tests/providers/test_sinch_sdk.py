"""Sinch's own Python SDK, unchanged but for its origins, against the drop-in."""

from __future__ import annotations

from typing import Any

import pytest
from sinch import SinchClient
from sinch.domains.authentication.exceptions import AuthenticationException
from sinch.domains.conversation.exceptions import ConversationException

from consents.models import Sender
from providers.dropins import tokens
from providers.models import Registration
from tests.consents.factories import NUMBER, ContactFactory, OptInFactory, state_of
from tests.providers.dropin_caller import APP, PROJECT, DropinCaller, lines, people
from tests.providers.factories import AccountFactory

pytestmark = pytest.mark.django_db(transaction=True)

IDENTIFIED = people(("WHATSAPP", NUMBER))


@pytest.fixture
def caller(sender: Sender) -> DropinCaller:
    AccountFactory(sender=sender, kind="sinch_conversation")
    return DropinCaller()


def client_of(caller: DropinCaller, live_server: Any, key: str = "") -> SinchClient:
    """Key id: the key's public prefix; key secret: the key itself."""
    client = SinchClient(key_id=caller.client_id, key_secret=key or caller.key, project_id=PROJECT)
    origin = live_server.url.removeprefix("http://")
    client.configuration.disable_https = True
    client.configuration.conversation_origin = origin
    client.configuration.auth_origin = origin
    return client


@pytest.fixture
def sinch(caller: DropinCaller, live_server: Any) -> SinchClient:
    return client_of(caller, live_server)


def test_it_registers_an_opt_in_and_an_opt_out_by_identity(sinch: SinchClient) -> None:
    registered = sinch.conversation.opt_in.register(
        app_id=APP, channels=["WHATSAPP"], recipient=IDENTIFIED, request_id="01HZREQ1"
    )
    assert registered.request_id == "01HZREQ1"
    assert registered.opt_in["app_id"] == APP
    assert state_of() == "opted_in"
    out = sinch.conversation.opt_out.register(
        app_id=APP,
        channels=["WHATSAPP"],
        recipient=IDENTIFIED,
        processing_strategy="DISPATCH_ONLY",
    )
    assert out.request_id
    assert out.opt_out["processing_strategy"] == "DISPATCH_ONLY"
    assert lines() == [("opt_in", NUMBER), ("opt_out", NUMBER)]
    kinds = Registration.objects.order_by("created_at").values_list("kind", flat=True)
    assert list(kinds) == ["opt_in", "opt_out"]


@pytest.mark.parametrize("by", ["our id", "the sender's own id"])
def test_it_registers_an_opt_in_and_an_opt_out_by_contact(sinch: SinchClient, by: str) -> None:
    contact = ContactFactory(external_id="crm-7")
    OptInFactory(contact=contact)
    recipient = {"contact_id": str(contact.id) if by == "our id" else "crm-7"}
    out = sinch.conversation.opt_out.register(
        app_id=APP, channels=["WHATSAPP"], recipient=recipient
    )
    assert out.opt_out["recipient"] == recipient
    assert state_of() == "opted_out"
    registered = sinch.conversation.opt_in.register(
        app_id=APP, channels=["WHATSAPP"], recipient=recipient
    )
    assert registered.opt_in["recipient"] == recipient
    assert state_of() == "opted_in"


def test_it_reads_why_a_registration_is_refused(sinch: SinchClient) -> None:
    with pytest.raises(ConversationException, match="There is no such contact") as unknown:
        sinch.conversation.opt_in.register(
            app_id=APP, channels=["WHATSAPP"], recipient={"contact_id": "nobody"}
        )
    assert unknown.value.response_status_code == 404
    with pytest.raises(ConversationException, match="Field channels is required"):
        sinch.conversation.opt_in.register(app_id=APP, channels=[], recipient=IDENTIFIED)


def test_it_reads_that_its_credentials_are_wrong(caller: DropinCaller, live_server: Any) -> None:
    stranger = client_of(caller, live_server, key="ob_wrong_key")
    with pytest.raises(AuthenticationException, match="credentials are not valid"):
        stranger.conversation.opt_in.register(
            app_id=APP, channels=["WHATSAPP"], recipient=IDENTIFIED
        )


def test_it_fetches_a_new_token_when_its_own_has_expired(
    sinch: SinchClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, issued = tokens.issue, []

    def issue(key: Any, now: Any) -> str:
        issued.append(now)
        return real(key, now - tokens.LIFETIME if len(issued) == 1 else now)

    monkeypatch.setattr(tokens, "issue", issue)
    sinch.conversation.opt_out.register(app_id=APP, channels=["WHATSAPP"], recipient=IDENTIFIED)
    assert len(issued) == 2
    assert lines() == [("opt_out", NUMBER)]

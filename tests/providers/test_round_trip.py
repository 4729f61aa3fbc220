"""Optbook speaking to Optbook: what an adapter sends a drop-in takes, and the adapter reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from consents.models import Sender
from providers import accounts, orders
from providers.contract import Account, Change, Delivery, Fault, Kind, Result
from providers.courier import drain
from providers.dropins import tokens
from providers.models import ProviderAccount, Registration
from providers.pepipost.adapter import PepipostAdapter
from providers.sinch_conversation.adapter import SinchConversationAdapter
from providers.sinch_whatsapp.adapter import SinchWhatsAppAdapter
from tests.consents.factories import NUMBER, OTHER_NUMBER, OptInFactory, SenderFactory
from tests.providers.callback_examples import apply_all, listening
from tests.providers.dropin_caller import APP, BOT, PROJECT, DropinCaller, detail, lines, people
from tests.providers.examples import change
from tests.providers.factories import AccountFactory, newest, settled
from tests.providers.listening import RESULTS, EndpointFactory

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = ["pepipost", "sinch_conversation", "sinch_whatsapp"]
ADAPTERS: dict[str, type[Any]] = {
    "pepipost": PepipostAdapter,
    "sinch_conversation": SinchConversationAdapter,
    "sinch_whatsapp": SinchWhatsAppAdapter,
}
EXTERNAL_IDS = {"pepipost": "", "sinch_conversation": APP, "sinch_whatsapp": BOT}
# A number of 10 digits that no dialect objects to, and the record refuses: no country begins so.
NOBODYS = "0732001122"


class Far:
    """A second Optbook's view of this one: accounts whose base URL is our own live server."""

    def __init__(self, url: str, caller: DropinCaller) -> None:
        self.url, self.caller = url, caller

    def account(self, kind: str, key: str = "", **settings: Any) -> Account:
        key = key or self.caller.key
        credentials = {"token": key}
        if kind == "sinch_conversation":
            credentials = {
                "project_id": PROJECT,
                "key_id": self.caller.client_id,
                "key_secret": key,
                "token_url": f"{self.url}/oauth2/token",
            }
        return Account(
            id=f"{kind}@{self.url}",
            kind=kind,
            base_url=self.url,
            external_id=EXTERNAL_IDS[kind],
            credentials=credentials,
            settings=settings,
        )

    def tell(self, kind: str, *changes: Change, key: str = "", **settings: Any) -> Delivery:
        account = self.account(kind, key, **settings)
        delivery: Delivery = ADAPTERS[kind]().deliver(account, list(changes), seconds=10)
        return delivery


@pytest.fixture
def far(sender: Sender, live_server: Any) -> Far:
    for kind in KINDS:
        AccountFactory(sender=sender, kind=kind)
    return Far(live_server.url, DropinCaller())


def results(delivery: Delivery, changes: Sequence[Change]) -> list[Result]:
    return [delivery.outcomes[one.id].result for one in changes]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", list(Kind))
def test_what_the_adapter_sends_the_drop_in_records_and_the_adapter_reads_success(
    far: Far, kind: str, way: Kind
) -> None:
    told = change(way, NUMBER)
    delivery = far.tell(kind, told, await_result=False)
    assert results(delivery, [told]) == [Result.SUCCEEDED]
    assert delivery.account_fault is None
    assert lines() == [(way.value, NUMBER)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeat_is_read_as_success_too(far: Far, kind: str) -> None:
    for _ in range(2):
        told = change(Kind.OPT_OUT, NUMBER)
        assert results(far.tell(kind, told, await_result=False), [told]) == [Result.SUCCEEDED]


def test_pepipost_carries_source_ip_and_user_agent_over(far: Far) -> None:
    told = change(source="CHECKOUT", ip="203.0.113.7", user_agent="Browser/1.0")
    far.tell("pepipost", told)
    kept = detail()
    assert kept.event.source == "CHECKOUT"
    assert (kept.ip, kept.user_agent) == ("203.0.113.7", "Browser/1.0")


@pytest.mark.parametrize("method", ["delete", "post"])
def test_sinch_whatsapps_opt_outs_are_understood_either_way(far: Far, method: str) -> None:
    told = [change(Kind.OPT_OUT, NUMBER), change(Kind.OPT_OUT, OTHER_NUMBER)]
    delivery = far.tell("sinch_whatsapp", *told, opt_out_method=method)
    assert set(results(delivery, told)) == {Result.SUCCEEDED}
    assert lines() == [("opt_out", NUMBER), ("opt_out", OTHER_NUMBER)]


@pytest.mark.parametrize("auth", ["oauth2", "basic"])
def test_sinch_conversations_registration_is_accepted_with_our_request_id(
    far: Far, auth: str
) -> None:
    told = change(Kind.OPT_IN, NUMBER)
    delivery = far.tell("sinch_conversation", told, auth=auth)
    assert results(delivery, [told]) == [Result.ACCEPTED]
    assert Registration.objects.get().request_id == told.request_id


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_that_the_record_refuses_is_read_as_rejected(far: Far, kind: str) -> None:
    told = change(Kind.OPT_IN, NOBODYS)
    assert results(far.tell(kind, told), [told]) == [Result.REJECTED]
    assert lines() == []


def test_a_batch_with_a_bad_number_is_read_as_refused_as_a_whole(far: Far) -> None:
    told = [change(Kind.OPT_IN, NUMBER), change(Kind.OPT_IN, NOBODYS)]
    assert results(far.tell("sinch_whatsapp", *told), told) == [Result.REFUSED] * 2
    assert lines() == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_key_is_read_as_a_fault_of_the_credentials(far: Far, kind: str) -> None:
    delivery = far.tell(kind, change(), key="ob_wrong_key")
    assert delivery.account_fault is not None
    assert delivery.account_fault.fault is Fault.CREDENTIALS


def test_an_expired_token_is_renewed_once_and_the_change_goes_through(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, issued = tokens.issue, []

    def issue(key: Any, now: Any) -> str:
        issued.append(now)
        return real(key, now - tokens.LIFETIME if len(issued) == 1 else now)

    monkeypatch.setattr(tokens, "issue", issue)
    told = change()
    assert results(far.tell("sinch_conversation", told), [told]) == [Result.ACCEPTED]
    assert len(issued) == 2


def test_an_app_that_is_not_there_is_read_as_withdrawn(far: Far) -> None:
    ProviderAccount.objects.filter(kind="sinch_conversation").update(external_id="another")
    told = change()
    assert results(far.tell("sinch_conversation", told), [told]) == [Result.WITHDRAWN]


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_calls_are_read_as_a_rate_limit_with_its_wait(
    far: Far, kind: str, settings: Any
) -> None:
    settings.API_THROTTLE_RATE = "1/hour"
    far.tell(kind, change())
    delivery = far.tell(kind, change())
    assert delivery.account_fault is not None
    assert delivery.account_fault.fault is Fault.RATE_LIMITED
    assert delivery.account_fault.retry_after is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_database_that_is_away_is_read_as_unavailable(
    far: Far, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(order: Any) -> bool:
        raise OperationalError

    monkeypatch.setattr(orders, "carry_out", fail)
    delivery = far.tell(kind, change())
    assert delivery.account_fault is not None
    assert delivery.account_fault.fault is Fault.UNAVAILABLE
    assert delivery.account_fault.retry_after is not None


def test_a_token_lives_as_long_as_the_adapter_is_told(far: Far) -> None:
    body = far.caller.token().json()
    almost = timezone.now() + timedelta(seconds=body["expires_in"] - 60)
    assert tokens.key_behind(body["access_token"], almost) == far.caller.api_key


@pytest.mark.parametrize("way", list(Kind))
def test_the_result_that_a_webhook_tells_settles_the_row_of_whoever_registered(
    far: Far, live_server: Any, settings: Any, way: Kind
) -> None:
    """Signed as Sinch signs, it is heard at the door where Sinch calls back."""
    settings.WEBHOOKS_ALLOW_HTTP = settings.WEBHOOKS_ALLOW_PRIVATE = True
    near = listening(sender=SenderFactory(key="near"), external_id="01HZNEARAPP000000000000001")
    url = f"{live_server.url}/callbacks/{near.id}/"
    endpoint = EndpointFactory(url=url, triggers=RESULTS, signature="sinch")
    near.credentials["callback_secret"] = endpoint.secret["current"]
    accounts.save(near)
    OptInFactory(sender="near", action=way.value)
    settled(near, Result.ACCEPTED)

    far.caller.register(f"{way.value.replace('_', '')}s", people(("WHATSAPP", NUMBER)))
    settled(ProviderAccount.objects.get(kind="sinch_conversation", sender__key="default"))
    drain()
    apply_all()
    assert (newest(near).kind, newest(near).status) == (way.value, "succeeded")

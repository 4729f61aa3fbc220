"""Nothing of an opt-in reaches a provider or a subscriber before the person has confirmed it."""

from __future__ import annotations

import pytest

from consents import double_opt_in
from consents.double_opt_in import Yes
from consents.models import ConsentEvent, Sender
from consents.vocabulary import ConfirmedBy
from providers import verdicts
from providers.models import ProviderSync, Registration
from tests.consents.factories import (
    NUMBER,
    OptInFactory,
    RequestFactory,
    StopFactory,
    ago,
    confirmed_within,
)
from tests.providers.dropin_caller import DropinCaller, people
from tests.providers.factories import AccountFactory, settled, told
from tests.providers.listening import EndpointFactory, results, time_passes, triggers

pytestmark = pytest.mark.django_db

DROPINS = {
    "pepipost": lambda caller: caller.consent("optin", NUMBER),
    "sinch_conversation": lambda caller: caller.register("optins", people(("WHATSAPP", NUMBER))),
    "sinch_whatsapp": lambda caller: caller.provision("POST", "optin", NUMBER),
}


@pytest.fixture(autouse=True)
def marketing(sender: Sender) -> None:
    confirmed_within(48)


@pytest.fixture
def endpoint(marketing):
    return EndpointFactory()


def confirm(request: ConsentEvent) -> ConsentEvent:
    return double_opt_in.confirm(request.id, Yes(by=ConfirmedBy.LINK)).event


def asked() -> ConsentEvent:
    return ConsentEvent.objects.get(action="opt_in_requested")


def test_no_row_of_the_outbox_is_there_before_and_exactly_one_after(account):
    request = RequestFactory()
    assert not ProviderSync.objects.exists()
    event = confirm(request)
    [row] = ProviderSync.objects.all()
    assert (row.kind, row.status, row.event) == ("opt_in", "pending", event)
    confirm(request)
    assert ProviderSync.objects.count() == 1


def test_one_who_left_stays_out_at_the_provider_until_they_confirm(account):
    StopFactory(occurred_at=ago(days=1))
    request = RequestFactory()
    assert [kind for kind, _ in told(account)] == ["opt_out"]
    confirm(request)
    assert told(account) == [("opt_out", "superseded"), ("opt_in", "pending")]


def test_a_change_of_consent_is_told_by_the_opt_in_alone(account, endpoint):
    request = RequestFactory()
    assert triggers() == []
    confirm(request)
    assert triggers() == ["CONSENT_CHANGED"]


def test_the_result_of_an_opt_in_is_promised_once_it_is_confirmed(account, endpoint):
    request = RequestFactory()
    assert not Registration.objects.exists()
    confirm(request)
    settled(account)
    verdicts.resolve()
    assert [one["status"] for one in results()] == ["OPT_IN_SUCCEEDED"]


@pytest.mark.parametrize("kind", DROPINS)
def test_a_drop_in_answers_as_ever_and_tells_nobody(sender, kind):
    AccountFactory(sender=sender, kind=kind)
    plain = DROPINS[kind](DropinCaller())
    assert plain.status_code == 200
    assert asked().purpose.key == "all"
    assert not ProviderSync.objects.exists()
    confirm(asked())
    assert ProviderSync.objects.count() == 1
    assert DROPINS[kind](DropinCaller()).status_code == plain.status_code


# --- the results of a drop-in's registrations


@pytest.fixture
def app(sender):
    return AccountFactory(sender=sender, kind="sinch_conversation")


@pytest.fixture
def registered(app, endpoint) -> ConsentEvent:
    caller = DropinCaller()
    caller.register("optins", people(("WHATSAPP", NUMBER)), query={"request_id": "01HZREQ"})
    return asked()


def test_the_result_waits_for_the_confirmation_and_is_told_once(app, registered):
    verdicts.resolve()
    time_passes(days=5)
    verdicts.resolve()
    assert results() == []
    confirm(registered)
    verdicts.resolve()
    assert results() == []
    settled(app)
    assert verdicts.resolve()[0] == 1
    assert [one["status"] for one in results()] == ["OPT_IN_SUCCEEDED"]
    assert not Registration.objects.filter(told_at=None).exists()


def test_one_that_has_run_out_is_told_as_failed(app, endpoint):
    caller = DropinCaller()
    caller.register("optins", people(("WHATSAPP", NUMBER)))
    late = RequestFactory(purpose="all", taken_at=ago(hours=49))
    Registration.objects.update(event=late)
    verdicts.resolve()
    [told] = results()
    assert told["status"] == "OPT_IN_FAILED"
    assert told["error_details"]["description"] == "The person has not confirmed it in time."


def test_one_that_the_person_refused_is_told_as_failed(app, registered):
    StopFactory()
    verdicts.resolve()
    assert [one["status"] for one in results()] == ["OPT_IN_FAILED"]


def test_whoever_is_in_already_need_not_confirm_for_the_result(app, endpoint):
    OptInFactory(origin="keyword")
    settled(app)
    DropinCaller().register("optins", people(("WHATSAPP", NUMBER)))
    verdicts.resolve()
    assert [one["status"] for one in results()] == ["OPT_IN_SUCCEEDED"] * 2

"""From a recorded consent to the providers' books: the whole way, on a real database and sandbox."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from consents import ledger
from consents.defaults import ensure_defaults
from providers.worker import Worker
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "46732001122"
PROVIDERS = ("pepipost", "sinch_conversation", "sinch_whatsapp")


@pytest.fixture
def accounts(sandbox: RunningSandbox) -> None:
    ensure_defaults()
    configure(sandbox, "pepipost", "token=sandbox-pepipost-token")
    configure(sandbox, "sinch_whatsapp", "token=sandbox-whatsapp-token", external_id="sandbox-bot")
    configure(
        sandbox,
        "sinch_conversation",
        "project_id=00000000-0000-4000-8000-000000000001",
        "key_id=sandbox-key-id",
        "key_secret=sandbox-key-secret",
        f"token_url={sandbox.url}/oauth2/token",
        external_id="01HZCONSENTAPP000000000001",
    )


def configure(sandbox, kind, *values, external_id="", baseline=False):
    call_command(
        "configure_provider",
        kind,
        sender="default",
        name=kind,
        base_url=sandbox.url,
        external_id=external_id,
        set=list(values),
        baseline=baseline,
    )


def record(action, identity=NUMBER, **fields):
    fields = {"channel": "WHATSAPP", "source": "WEB", **fields}
    return ledger.record("default", action=action, identity=identity, **fields).event


def test_an_opt_in_and_an_opt_out_reach_all_three_providers(sandbox, accounts):
    record("opt_in")
    Worker().drain()
    assert {p: sandbox.state_of(p, NUMBER) for p in PROVIDERS} == dict.fromkeys(
        PROVIDERS, "opted_in"
    )
    record("opt_out")
    Worker().drain()
    assert {p: sandbox.state_of(p, NUMBER) for p in PROVIDERS} == dict.fromkeys(
        PROVIDERS, "opted_out"
    )


def test_a_repeated_opt_in_reaches_no_provider(sandbox, accounts):
    record("opt_in")
    Worker().drain()
    before = len(sandbox.consent_calls())
    assert record("opt_in").effective is False
    assert Worker().drain() == 0
    assert len(sandbox.consent_calls()) == before


def test_forty_five_numbers_reach_sinch_whatsapp_in_batches(sandbox, accounts):
    items = [
        ledger.Entry(
            action="opt_in", channel="WHATSAPP", identity=str(447700900000 + n), source="WEB"
        )
        for n in range(45)
    ]
    ledger.record_many("default", items)
    Worker().drain()
    calls = sandbox.consent_calls("sinch_whatsapp")
    assert 3 <= len(calls) <= 6
    assert len(sandbox.state("sinch_whatsapp")) == 45

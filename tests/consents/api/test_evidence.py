"""Proofs and receipts over the API."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from consents import sealing
from consents.models import ConsentEvent, Sender
from tests.consents.api.caller import Caller, code_of, issue
from tests.consents.factories import OptInFactory, OptOutFactory, SenderFactory
from tests.consents.tampering import LEDGER, rewrite, tampered
from tests.consents.tampering import with_all_power as with_all_power

DOORS = ["proof", "receipt"]


@pytest.fixture
def event(sender: Sender) -> ConsentEvent:
    event = OptInFactory()
    list(sealing.seal())
    return event


def ask(api: Caller, event: Any, door: str) -> Any:
    return api.get(f"consent-events/{getattr(event, 'id', event)}/{door}/")


def test_a_sealed_line_has_a_proof(api: Caller, event: ConsentEvent) -> None:
    answer = ask(api, event, "proof")
    assert answer.status_code == 200
    assert answer.json()["line"]["seq"] == event.seq


def test_a_line_that_is_not_sealed_has_none_yet(api: Caller, event: ConsentEvent) -> None:
    late = OptInFactory()
    assert code_of(ask(api, late, "proof")) == (409, "not_sealed_yet")
    assert ask(api, late, "receipt").json()["proof"] is None


def test_an_opt_out_has_a_proof_and_no_receipt(api: Caller, event: ConsentEvent) -> None:
    out = OptOutFactory()
    list(sealing.seal())
    assert ask(api, out, "proof").status_code == 200
    assert code_of(ask(api, out, "receipt")) == (409, "not_an_opt_in")


@pytest.mark.usefixtures("with_all_power")
@pytest.mark.parametrize("door", DOORS)
def test_of_a_line_that_was_changed_there_is_no_proof(
    api: Caller, event: ConsentEvent, door: str
) -> None:
    with tampered():
        rewrite(LEDGER, event.seq, source="X")
        assert code_of(ask(api, event, door)) == (409, "line_changed")


@pytest.mark.parametrize("door", DOORS)
def test_a_key_sees_nothing_of_other_senders(event: ConsentEvent, door: str) -> None:
    SenderFactory(key="other")
    stranger = issue(senders=["other"])
    assert code_of(ask(stranger, event, door)) == (404, "not_found")
    assert code_of(ask(stranger, uuid4(), door)) == (404, "not_found")


@pytest.mark.parametrize("door", DOORS)
def test_it_takes_the_scope_to_read(event: ConsentEvent, door: str) -> None:
    assert code_of(ask(issue("record"), event, door)) == (403, "scope_missing")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["", *(f"{door}/" for door in DOORS)])
def test_nothing_of_a_line_can_be_changed_over_the_api(
    api: Caller, event: ConsentEvent, method: str, path: str
) -> None:
    answer = api.send(method, f"consent-events/{event.id}/{path}", {})
    assert code_of(answer) == (405, "method_not_allowed")
    assert ConsentEvent.objects.get() == event

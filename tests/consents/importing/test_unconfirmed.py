"""A file of opt-ins that people have to confirm: looked at, recorded, counted and voided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from consents import double_opt_in, ledger
from consents.double_opt_in import Yes
from consents.importing import checking
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.models import ConsentEvent, EventDetail, Sender, Standing
from consents.vocabulary import ConfirmedBy
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    OptInFactory,
    RequestFactory,
    StopFactory,
    british_number,
    confirmed_within,
    state_of,
)
from tests.consents.importing.lists import csv_text, ndjson, source
from tests.consents.importing.worlds import recorded

HEADER = "identity,action,purpose,source,occurred_at,external_id"
ROWS = [
    f"{NUMBER},opt_in,marketing,CRM,2026-03-01T12:00:00Z,crm-1",
    f"{OTHER_NUMBER},opt_in,utility,CRM,2026-03-01T12:00:00Z,crm-1",
    f"{british_number(1)},opt_in,marketing,CRM,2026-03-01T12:00:00Z,",
    f"{british_number(2)},opt_out,marketing,CRM,2026-03-01T12:00:00Z,",
    "no number,opt_in,marketing,CRM,,",
]


@pytest.fixture(autouse=True)
def marketing(sender: Sender) -> None:
    confirmed_within(48)


@pytest.fixture
def file(tmp_path: Path) -> Source:
    return source(tmp_path, csv_text(HEADER, ROWS))


def categories(sender: Sender, file: Source) -> list[str]:
    verdicts = checking.check(sender, file, Reader(Manner(), file.header), lambda _: None)
    return [one.category for one in verdicts]


def test_the_dry_run_tells_who_has_to_confirm(sender: Sender, file: Source) -> None:
    expected = ["unconfirmed", "new", "unconfirmed", "new", "invalid"]
    assert categories(sender, file) == expected
    assert not ConsentEvent.objects.exists()


def test_they_are_recorded_as_asked_for_and_counted_as_such(sender: Sender, file: Source) -> None:
    run = recorded(sender, file)
    assert run.counts == {"unconfirmed": 2, "changed": 2, "invalid": 1}
    requests = ConsentEvent.objects.filter(action="opt_in_requested").order_by("seq")
    assert [one.identity.address for one in requests] == [NUMBER, british_number(1)]
    assert requests[0].identity.contact.external_id == "crm-1"
    assert Standing.objects.get(identity__address=NUMBER).may_write is None
    double_opt_in.confirm(requests[0].id, Yes(by=ConfirmedBy.LINK))
    assert state_of(NUMBER, purpose="marketing") == "opted_in"


def test_a_row_with_the_proof_of_a_confirmation_counts_at_once(
    sender: Sender, tmp_path: Path
) -> None:
    header = "identity,purpose,source,evidence.confirmation"
    rows = [f"{NUMBER},marketing,CRM,2026-03-01T12:05:00Z", f"{OTHER_NUMBER},marketing,CRM,yes"]
    file = source(tmp_path, csv_text(header, rows))
    assert categories(sender, file) == ["new", "invalid"]
    assert recorded(sender, file).counts == {"changed": 1, "invalid": 1}


def test_so_does_an_object_of_json(sender: Sender, tmp_path: Path) -> None:
    proof = {"occurred_at": "2026-03-01T12:05:00Z", "ip": "192.0.2.9"}
    row = {"identity": NUMBER, "purpose": "marketing", "source": "CRM"}
    file = ndjson(tmp_path, [json.dumps({**row, "evidence": {"confirmation": proof}})])
    assert recorded(sender, file).counts["changed"] == 1
    assert EventDetail.objects.get().evidence["confirmation"] == proof


def test_what_was_said_since_and_what_waits_already_is_counted_so(
    sender: Sender, file: Source
) -> None:
    StopFactory(purpose="marketing")
    RequestFactory(identity=british_number(1))
    assert recorded(sender, file).counts == {
        "out_of_order": 1,
        "no_change": 1,
        "changed": 2,
        "invalid": 1,
    }


def test_an_import_that_is_voided_takes_its_requests_along(sender: Sender, file: Source) -> None:
    run = recorded(sender, file)
    OptInFactory(identity=NUMBER, purpose="utility")
    assert ledger.void_run(run, note="wrong list", actor="staff:1") == 4
    for request in ConsentEvent.objects.filter(action="opt_in_requested"):
        assert request.consequences.get().action == "voided"
    assert state_of(NUMBER, purpose="utility") == "opted_in"

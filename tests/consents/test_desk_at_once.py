"""Two members of staff who do the same at the same moment, on real parallel connections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from consents import ledger, moving, revocations
from consents.errors import ConsentError
from consents.models import ChannelIdentity, ConsentEvent, Purpose, ReviewItem, Sender
from consents.moving import Move
from consents.revocations import Told
from consents.vocabulary import Medium
from tests.consents.factories import (
    NUMBER,
    ContactFactory,
    OptInFactory,
    StopFactory,
    ago,
    british_number,
    state_of,
)
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import recorded
from tests.consents.parallel import at_once, attempt_at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sender")]


def refusals(results: list[Any]) -> list[str]:
    assert all(isinstance(one, ConsentError) for one in results if isinstance(one, Exception))
    return [one.code for one in results if isinstance(one, ConsentError)]


def three(work: Callable[[], Any]) -> list[Any]:
    return attempt_at_once(*[work] * 3)


def test_an_import_that_several_void_is_voided_once(
    sender: Sender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{british_number(index)},LIST" for index in range(20)]
    run = recorded(sender, source(tmp_path, csv_text("identity,source", rows)))
    monkeypatch.setattr(ledger, "VOIDED_AT_ONCE", 3)
    counted = at_once(*[lambda: ledger.void_run(run, note="the wrong list", actor="staff:7")] * 3)
    assert sum(counted) == 20
    assert ConsentEvent.objects.filter(action="voided").count() == 20


def test_a_stop_that_comes_while_an_import_is_voided_stays(sender: Sender, tmp_path: Path) -> None:
    run = recorded(sender, source(tmp_path, csv_text("identity,source", [f"{NUMBER},LIST"])))
    at_once(
        lambda: ledger.void_run(run, note="the wrong list", actor="staff:7"),
        lambda: StopFactory(),
    )
    assert state_of() == "opted_out"


def test_an_address_that_several_move_comes_to_its_contact_once() -> None:
    OptInFactory(contact=ContactFactory())
    to = ContactFactory()

    def move() -> ConsentEvent:
        identity = ChannelIdentity.objects.select_related("sender").get()
        note, actor = "She told us", "staff:7"
        return moving.carry_out(
            Move(identity=identity, to=to, with_consent=False, note=note, actor=actor)
        )

    assert refusals(three(move)) == ["already_theirs", "already_theirs"]
    assert ConsentEvent.objects.filter(action="identity_moved").count() == 1
    assert ConsentEvent.objects.filter(action="opt_out").count() == 1


def test_who_several_have_found_is_opted_out_once(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=9))
    told = Told(
        person="Anna",
        purpose=Purpose.objects.get(key="all"),
        medium=Medium.PHONE,
        received_at=ago(days=3),
    )
    item = revocations.take(sender, told, note="", actor="staff:7")

    def settle() -> None:
        again = ReviewItem.objects.get(pk=item.pk)
        revocations.settle(again, person=NUMBER, channels=(), actor="staff:8", note="")

    assert refusals(three(settle)) == ["already_decided", "already_decided"]
    assert ConsentEvent.objects.filter(action="opt_out").count() == 1

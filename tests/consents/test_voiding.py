"""A whole import that was made in error is taken back; what people said themselves stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from consents import ledger, voiding
from consents.errors import ConsentError
from consents.importing import runs
from consents.importing.columns import Manner
from consents.models import ConsentEvent, ImportRun, Sender
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    OptInFactory,
    StopFactory,
    ago,
    british_number,
    state_of,
)
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import recorded

pytestmark = pytest.mark.usefixtures("sender")
Imported = Callable[..., ImportRun]


@pytest.fixture
def imported(sender: Sender, tmp_path: Path) -> Imported:
    """Records a list of opt-ins over WhatsApp."""

    def made(*numbers: str) -> ImportRun:
        rows = (f"{number},LIST" for number in numbers)
        return recorded(sender, source(tmp_path, csv_text("identity,source", rows)))

    return made


def void(run: ImportRun, note: str = "the wrong list") -> int:
    return ledger.void_run(run, note=note, actor="staff:7")


def test_every_line_of_the_import_is_void_and_no_other(imported: Imported) -> None:
    OptInFactory(identity=british_number(5))
    run = imported(NUMBER, OTHER_NUMBER)
    assert void(run) == 2
    assert (state_of(), state_of(OTHER_NUMBER)) == (None, None)
    assert state_of(british_number(5)) == "opted_in"
    voidings = ConsentEvent.objects.filter(action="voided")
    assert {(one.actor, one.detail.note) for one in voidings} == {("staff:7", "the wrong list")}
    run.refresh_from_db()
    assert (run.voided_at is not None, run.voided_by) == (True, "staff:7")


def test_what_was_known_before_the_import_holds_again(imported: Imported) -> None:
    OptInFactory(occurred_at=ago(days=3))
    run = imported(NUMBER)
    void(run)
    assert state_of() == "opted_in"


def test_a_persons_own_stop_after_the_import_stays(imported: Imported) -> None:
    run = imported(NUMBER)
    StopFactory()
    void(run)
    assert state_of() == "opted_out"


def test_voiding_again_goes_on_and_voids_nothing_twice(
    imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = imported(*(british_number(index) for index in range(5)))
    monkeypatch.setattr(ledger, "VOIDED_AT_ONCE", 2)
    first = voiding.of_run(run)[0]
    ledger.void(first, note="by itself", actor="staff:7")
    assert void(run) == 4
    assert void(run) == 0
    assert ConsentEvent.objects.filter(action="voided").count() == 5


def test_voiding_that_was_killed_halfway_is_finished_by_calling_it_again(
    imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = imported(*(british_number(index) for index in range(5)))
    monkeypatch.setattr(ledger, "VOIDED_AT_ONCE", 2)
    with monkeypatch.context() as patch:
        patch.setattr(voiding, "strike", _stopped_at_the_second(voiding.strike))
        with pytest.raises(KeyboardInterrupt):
            void(run)
    assert ConsentEvent.objects.filter(action="voided").count() == 2
    assert void(run) == 3


def _stopped_at_the_second(strike: Callable[..., object]) -> Callable[..., object]:
    calls = iter([strike])

    def stopping(*args: object, **fields: object) -> object:
        for once in calls:
            return once(*args, **fields)
        raise KeyboardInterrupt

    return stopping


def test_it_needs_a_reason(imported: Imported) -> None:
    run = imported(NUMBER)
    with pytest.raises(ConsentError) as caught:
        void(run, " ")
    assert caught.value.code == "note_required"
    assert state_of() == "opted_in"


def test_what_it_would_change_is_counted_first(imported: Imported) -> None:
    OptInFactory(identity=OTHER_NUMBER, occurred_at=ago(days=3))
    run = imported(NUMBER, OTHER_NUMBER)
    assert voiding.foresee(voiding.of_run(run)) == voiding.Foreseen(2, opted_in=1, opted_out=0)


def test_a_void_import_is_recorded_no_further(imported: Imported) -> None:
    run = imported(NUMBER)
    void(run)
    run.refresh_from_db()
    with pytest.raises(ConsentError) as caught:
        runs.hold(run)
    assert caught.value.code == "import_voided"


def test_the_same_file_may_be_imported_anew(imported: Imported, sender: Sender) -> None:
    run = imported(NUMBER)
    void(run)
    again = imported(NUMBER)
    assert again.id != run.id
    assert state_of() == "opted_in"


def test_an_import_without_a_line_is_voided_too(sender: Sender, tmp_path: Path) -> None:
    file = source(tmp_path, "identity,source\r\n")
    run = runs.begin(sender, file, Manner(), "staff:7")
    assert void(run) == 0


def test_the_command_says_what_it_would_do_and_does_it_when_told(
    imported: Imported, capsys: pytest.CaptureFixture[str]
) -> None:
    run = imported(NUMBER)
    call_command("void_import", str(run.id), note="the wrong list")
    assert (capsys.readouterr().out, state_of()) == ("lines=1 opted_in=1 opted_out=0\n", "opted_in")
    call_command("void_import", str(run.id), note="the wrong list", yes=True)
    assert capsys.readouterr().out.endswith("voided=1\n")
    assert state_of() is None


def test_the_command_knows_only_imports_that_there_are(imported: Imported) -> None:
    with pytest.raises(CommandError, match="no such import"):
        call_command("void_import", "00000000-0000-4000-8000-000000000000", note="why")
    with pytest.raises(CommandError, match="Say why"):
        call_command("void_import", str(imported(NUMBER).id), note=" ", yes=True)

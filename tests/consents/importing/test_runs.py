"""Which run records a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from consents.errors import ConsentError
from consents.importing import applying, runs
from consents.importing.columns import Manner, Reader
from consents.importing.files import Source
from consents.models import ConsentEvent, ImportRun, Sender
from tests.consents.factories import NUMBER, SenderFactory
from tests.consents.importing.lists import csv_text, source
from tests.consents.importing.worlds import recorded
from tests.consents.parallel import at_once

OTHER_MANNER = Manner(defaults={"action": "opt_out"})


@pytest.fixture
def file(tmp_path: Path) -> Source:
    return source(tmp_path, csv_text("identity,source", [f"{NUMBER},CRM"]))


def test_a_run_says_what_is_recorded_and_how(sender: Sender, file: Source) -> None:
    run = runs.begin(sender, file, OTHER_MANNER, "somebody")
    run.refresh_from_db()
    assert (run.sender, run.file_name, run.size) == (sender, "list.csv", file.size)
    assert (bytes(run.sha256), run.actor) == (file.sha256(), "somebody")
    assert run.manner == OTHER_MANNER.as_json()
    assert (run.position, run.rows, run.counts, run.finished_at) == (0, 0, {}, None)


def test_a_run_that_was_stopped_goes_on(sender: Sender, file: Source) -> None:
    stopped = runs.begin(sender, file, Manner(), "somebody")
    assert runs.begin(sender, file, Manner(), "somebody else") == stopped
    assert runs.begin(sender, file, Manner(), "somebody else", again=True) == stopped


def test_another_manner_sender_or_content_is_another_run(
    sender: Sender, file: Source, tmp_path: Path
) -> None:
    made = [
        runs.begin(sender, file, Manner(), ""),
        runs.begin(sender, file, OTHER_MANNER, ""),
        runs.begin(SenderFactory(), file, Manner(), ""),
        runs.begin(sender, source(tmp_path, csv_text("identity", [])), Manner(), ""),
    ]
    assert ImportRun.objects.count() == len(set(made)) == 4


def test_a_file_recorded_to_its_end_is_not_recorded_again_by_accident(
    sender: Sender, file: Source
) -> None:
    run = recorded(sender, file)
    with pytest.raises(ConsentError, match=f"imported on {run.finished_at:%Y-%m-%d at}") as caught:
        runs.begin(sender, file, Manner(), "")
    assert caught.value.code == "already_imported"
    assert recorded(sender, file, again=True) != run
    assert ConsentEvent.objects.count() == 2


def test_a_file_recorded_in_another_manner_may_be_recorded_in_this(
    sender: Sender, file: Source
) -> None:
    recorded(sender, file)
    assert runs.begin(sender, file, OTHER_MANNER, "").rows == 0


def test_a_file_is_known_by_its_content_wherever_it_lies(
    sender: Sender, file: Source, tmp_path: Path
) -> None:
    stopped = runs.begin(sender, file, Manner(), "")
    copy = tmp_path / "copy.csv"
    copy.write_bytes(file.path.read_bytes())
    assert runs.begin(sender, Source(copy), Manner(), "") == stopped


def test_a_file_changed_since_it_was_opened_begins_no_run(sender: Sender, file: Source) -> None:
    file.path.write_text("identity\n")
    with pytest.raises(ConsentError, match="changed"):
        runs.begin(sender, file, Manner(), "")
    assert not ImportRun.objects.exists()


def test_a_run_recorded_further_by_somebody_else_is_refused(
    sender: Sender, file: Source, chunks_of: Callable[[int], None]
) -> None:
    ours = runs.begin(sender, file, Manner(), "")
    theirs = runs.begin(sender, file, Manner(), "")
    applying.apply(theirs, file, Reader(Manner(), file.header), lambda _: None)
    with pytest.raises(ConsentError) as caught:
        applying.apply(ours, file, Reader(Manner(), file.header), lambda _: None)
    assert caught.value.code == "import_elsewhere"
    assert ConsentEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_who_begin_at_once_have_one_run(sender: Sender, tmp_path: Path) -> None:
    for at in range(6):
        file = source(tmp_path, csv_text("identity", [str(at)]))
        begun = at_once(*[lambda f=file: runs.begin(sender, f, Manner(), "")] * 3)
        assert len(set(begun)) == 1

"""`import_consents`: looks at a file, or records it; what it prints, and how it ends."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from config.home import BASE
from consents.importing import applying, checking
from consents.models import ConsentEvent, ImportRun, Sender
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    OptOutFactory,
    SenderFactory,
    british_number,
)
from tests.consents.importing.lists import csv_text
from tests.consents.parallel import database_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sender")]


class Ended(NamedTuple):
    code: int
    out: str
    err: str


def run(*words: object) -> Ended:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_consents", *map(str, words), stdout=out, stderr=err)
    except SystemExit as ended:
        return Ended(int(ended.code or 0), out.getvalue(), err.getvalue())
    return Ended(0, out.getvalue(), err.getvalue())


def refusal(*words: object) -> str:
    with pytest.raises(CommandError) as caught:
        run(*words)
    assert caught.value.returncode == 1
    return str(caught.value)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two rows that can be recorded, the second of somebody who has opted out."""
    OptOutFactory(identity=OTHER_NUMBER)
    return written(tmp_path, "list.csv", [f"{NUMBER},CRM", f"{OTHER_NUMBER},CRM"])


def written(directory: Path, name: str, rows: list[str], header: str = "identity,source") -> Path:
    path = directory / name
    path.write_text(csv_text(header, rows))
    return path


def lines() -> list[tuple[Any, ...]]:
    fields = ("identity__channel", "identity__address", "action", "purpose__key", "source")
    imported = ConsentEvent.objects.filter(origin="import").order_by("seq")
    return list(imported.values_list(*fields))


# --- looking


def test_looking_counts_the_rows_of_each_kind_and_records_nothing(path: Path) -> None:
    ended = run(path)
    assert ended == Ended(
        0,
        "           1  new              somebody of whom nothing was said for this purpose\n"
        "           1  would_resurrect  an opt-in that may not lift an opt-out: kept, and changes "
        "nothing\n"
        f"The rows of each kind are in {path}.report.\n"
        "Nothing was recorded. --apply records it.\n",
        "",
    )
    assert not ImportRun.objects.exists()
    assert lines() == []


def test_the_rows_of_each_kind_are_put_into_files(path: Path, tmp_path: Path) -> None:
    run(path)
    run(path, "--report", tmp_path / "elsewhere" / "report")
    for directory in (tmp_path / "list.csv.report", tmp_path / "elsewhere" / "report"):
        assert (directory / "would_resurrect.csv").read_text().splitlines() == [
            *("row,why,identity,source", f"2,,{OTHER_NUMBER},CRM"),
        ]
        assert {one.name for one in directory.iterdir()} == {"new.csv", "would_resurrect.csv"}


def test_without_a_report_they_are_only_counted(path: Path, tmp_path: Path) -> None:
    assert "rows of each kind" not in run(path, "--no-report").out
    assert list(tmp_path.iterdir()) == [path]


def test_rows_that_cannot_be_recorded_end_it_with_1(tmp_path: Path) -> None:
    bad = written(tmp_path, "list.csv", [f"{NUMBER},CRM", "no number,CRM"])
    for words in ([bad], [bad, "--apply"]):
        ended = run(*words)
        assert ended.code == 1
        assert "           1  invalid          cannot be recorded\n" in ended.out
    assert len(lines()) == 1


def test_a_list_without_rows_says_so(tmp_path: Path) -> None:
    empty = written(tmp_path, "list.csv", [])
    assert run(empty) == Ended(
        0, "The file has no rows.\nNothing was recorded. --apply records it.\n", ""
    )


# --- recording


def test_recording_says_what_became_of_the_rows(path: Path) -> None:
    ended = run(path, "--apply")
    made = ImportRun.objects.get()
    assert ended == Ended(
        0,
        "           1  changed          new, or a state that changes\n"
        "           1  would_resurrect  an opt-in that may not lift an opt-out: kept, and changes "
        "nothing\n"
        f"Recorded: 2 of 2 rows, import {made.id}.\n",
        "",
    )
    assert made.actor == "import_consents"
    assert [line[1] for line in lines()] == [NUMBER, OTHER_NUMBER]


def test_a_list_that_was_recorded_is_recorded_again_only_when_told_so(path: Path) -> None:
    run(path, "--apply")
    assert "This very file was imported on" in refusal(path, "--apply")
    assert run(path, "--apply", "--again").code == 0
    assert len(lines()) == 4


def test_an_import_that_was_stopped_says_where_it_goes_on(
    path: Path, monkeypatch: pytest.MonkeyPatch, chunks_of: Any
) -> None:
    chunks_of(1)
    with monkeypatch.context() as patch:
        patch.setattr(applying, "apply", stopped_after_a_row(applying.apply))
        with pytest.raises(CommandError) as stopped:
            run(path, "--apply")
    assert stopped.value.returncode == 130
    assert str(stopped.value).startswith("Stopped. What is recorded stays")
    ended = run(path, "--apply")
    assert (ended.code, ended.err) == (0, "Going on behind row 1.\n")
    assert "Recorded: 2 of 2 rows" in ended.out
    assert len(lines()) == 2


def stopped_after_a_row(apply: Any) -> Any:
    def interrupted(run: ImportRun, *rest: Any) -> None:
        if run.rows:
            raise KeyboardInterrupt

    return lambda run, source, reader, progress: apply(run, source, reader, interrupted)


@pytest.mark.parametrize(("words", "module"), [(["--apply"], applying), ([], checking)])
def test_a_database_that_fails_is_told_without_a_trace(
    path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], module: Any
) -> None:
    def fail(*_: Any) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(module, "chunks", fail)
    assert refusal(path, *words).startswith("The database failed: the connection is closed. ")


# --- how the file is read


def test_columns_defaults_and_times_are_as_the_options_say(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("phone\twhen\n0046732001122\t2026-03-01 12:00\n")
    ended = run(
        *(file, "--apply", "--delimiter=tab", "--timezone=Europe/Stockholm"),
        *("--map=identity=phone", "--map=occurred_at=when"),
        *("--action=opt_out", "--channel=sms", "--purpose=marketing", "--source=CRM"),
    )
    assert ended.code == 0
    assert lines() == [("SMS", NUMBER, "opt_out", "marketing", "CRM")]
    assert f"{ConsentEvent.objects.get().occurred_at:%H:%M}" == "11:00"


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.ndjson", []), ("a.JSONL", []), ("a.csv", ["--format=ndjson"])],
)
def test_lines_of_json_are_known_by_their_name_or_told(
    tmp_path: Path, name: str, words: list[str]
) -> None:
    file = tmp_path / name
    file.write_text(f'{{"identity": {NUMBER}, "source": "CRM"}}\n')
    assert run(file, "--apply", *words).code == 0
    assert lines() == [("WHATSAPP", NUMBER, "opt_in", "all", "CRM")]


def test_a_list_is_of_the_sender_that_is_named(path: Path) -> None:
    SenderFactory(key="other")
    run(path, "--apply", "--sender=other")
    assert Sender.objects.get(imports__isnull=False).key == "other"
    assert set(ConsentEvent.objects.filter(origin="import").values_list("sender__key")) == {
        ("other",)
    }


@pytest.mark.parametrize("words", [[], ["--apply"]])
def test_columns_that_mean_nothing_are_named(tmp_path: Path, words: list[str]) -> None:
    table = written(tmp_path, "list.csv", [f"{NUMBER},CRM,1,2"], "identity,source,Plan,\x1b[31m")
    told = "Columns that mean nothing here: 'Plan', '\\x1b[31m'.\n"
    assert run(table, *words).err == told
    objects = tmp_path / "list.ndjson"
    objects.write_text(f'{{"identity": "{NUMBER}", "source": "CRM", "acton": "opt_out"}}\n')
    assert run(objects, *words).err == "Columns that mean nothing here: 'acton'.\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--sender=nobody"], "There is no such sender."),
        (["--timezone=Mars"], "There is no such time zone."),
        (["--delimiter="], "A delimiter is one character"),
        (["--delimiter=;;"], "A delimiter is one character"),
        (["--map=identity"], "--map takes FIELD=COLUMN, not 'identity'."),
        (["--map=identity="], "--map takes FIELD=COLUMN"),
        (["--map==identity"], "--map takes FIELD=COLUMN"),
        (["--map=note=source", "--map=ip=source"], "says twice what the column 'source' is"),
        (["--map=note=remark"], "The file has no column 'remark'."),
        (["--map=remark=source"], "There is no field 'remark'."),
        (["--map=identity=source"], "Two columns of the file are the same field."),
        (["--map=note=identity"], "No column of the file is the identity."),
        (["--format=xlsx"], "invalid choice"),
        (["--channel=fax"], "invalid choice"),
        (["--action=voided"], "invalid choice"),
        (["--report=/dev/null/report"], "The report cannot be written"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_done(
    path: Path, words: list[str], says: str
) -> None:
    assert says in refusal(path, *words)
    if not words[0].startswith("--report"):
        assert says in refusal(path, "--apply", *words)
    assert not ImportRun.objects.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "The file cannot be read: No such file or directory."),
        (b"", "The file has no line with the names of its columns."),
        (b"\xff\xfei\0d\0", "The names of the columns are not in UTF-8."),
        (b"phone,source\n", "No column of the file is the identity."),
        (b"identity,source,source\n", "Two columns of the file have the same name."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    file = tmp_path / "list.csv"
    if content is not None:
        file.write_bytes(content)
    assert refusal(file) == refusal(file, "--apply") == says


# --- as a process of its own


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(
    tmp_path: Path, sender: Sender, is_terminal: bool
) -> None:
    file = written(tmp_path, "list.csv", [f"{british_number(at)},CRM" for at in range(20)])
    reading, writing = pty.openpty() if is_terminal else os.pipe()
    ended = subprocess.run(
        [sys.executable, "manage.py", "import_consents", str(file), "--apply"],
        cwd=BASE,
        env={**os.environ, "DATABASE_URL": database_url(), "TERM": "xterm", "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=writing,
        timeout=60,
        check=True,
    )
    os.close(writing)
    drawn = os.read(reading, 65536).decode()
    os.close(reading)
    assert ("Recording" in drawn and "100%" in drawn) if is_terminal else drawn == ""
    assert b"Recorded: 20 of 20 rows" in ended.stdout

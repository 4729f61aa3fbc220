"""`check_audience`: a file asked about from the command line."""

from __future__ import annotations

import csv
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from consents import audiences
from consents.models import Sender
from tests.consents.factories import (
    NUMBER,
    OptInFactory,
    SenderFactory,
    StopFactory,
    british_number,
)

pytestmark = pytest.mark.django_db
CONTENT = f"name,identity\nAda,{NUMBER}\nBob,{british_number(0)}\nEve,x\n".encode()
ASKED = ("--channel", "WHATSAPP", "--purpose", "marketing")


@pytest.fixture
def people(sender: Sender, tmp_path: Path) -> Path:
    OptInFactory()
    StopFactory(identity=british_number(0))
    path = tmp_path / "people.csv"
    path.write_bytes(CONTENT)
    return path


def run(*words: object) -> str:
    """What it said on stderr."""
    said = io.StringIO()
    call_command("check_audience", *map(str, words), stderr=said)
    return said.getvalue()


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_the_file_comes_out_with_a_verdict_in_each_row(people: Path, capsysbinary: Any) -> None:
    said = run(people, *ASKED)
    answer = rows(capsysbinary.readouterr().out)
    assert [(row["name"], row["allowed"], row["reason"]) for row in answer] == [
        ("Ada", "true", ""),
        ("Bob", "false", "opted_out"),
        ("Eve", "false", "invalid_identity"),
    ]
    assert [line.split() for line in said.splitlines()] == [
        ["1", "allowed"],
        ["1", "opted_out"],
        ["1", "invalid_identity"],
    ]


def test_it_may_be_written_to_a_file_for_its_owners_eyes(people: Path, capsysbinary: Any) -> None:
    output = people.with_name("answer.csv")
    run(people, *ASKED, "--output", output)
    assert len(rows(output.read_bytes())) == 3
    assert output.stat().st_mode & 0o777 == 0o600
    assert capsysbinary.readouterr().out == b""
    assert sorted(one.name for one in people.parent.iterdir()) == ["answer.csv", "people.csv"]


def test_it_may_be_read_from_stdin(
    people: Path, capsysbinary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(CONTENT)))
    run("-", *ASKED)
    assert [row["allowed"] for row in rows(capsysbinary.readouterr().out)] == [
        *("true", "false", "false")
    ]


def test_the_format_goes_by_the_name_unless_it_is_named(people: Path, capsysbinary: Any) -> None:
    lines = people.with_name("people.jsonl")
    lines.write_text(f'{{"phone": "{NUMBER}"}}\n')
    run(lines, *ASKED, "--column", "phone")
    assert b'"allowed":true' in capsysbinary.readouterr().out
    table = people.with_name("people.txt")
    table.write_text(f"identity\tname\n{NUMBER}\tAda\n")
    run(table, *ASKED, "--format", "csv", "--delimiter", "tab")
    assert capsysbinary.readouterr().out.startswith(b"identity\tname\tallowed\t")


def test_it_answers_for_the_sender_that_is_named(people: Path, capsysbinary: Any) -> None:
    SenderFactory(key="other")
    run(people, *ASKED, "--sender", "other")
    assert rows(capsysbinary.readouterr().out)[0]["reason"] == "unknown_identity"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--channel", "FAX", "--purpose", "marketing"), "no such channel"),
        (("--channel", "SMS", "--purpose", "astrology"), "no such purpose"),
        (("--channel", "SMS", "--purpose", "all"), "narrower than all"),
        ((*ASKED, "--sender", "nobody"), "no such sender"),
        ((*ASKED, "--column", "phone"), "no such column"),
        ((*ASKED, "--column", "reason"), "part of the verdict"),
        ((*ASKED, "--output", "/nowhere/answer.csv"), "cannot be written"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    people: Path, capsysbinary: Any, words: tuple[str, ...], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        run(people, *words)
    assert capsysbinary.readouterr().out == b""


def test_a_file_that_is_not_there_is_refused_in_words(sender: Sender, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        run(tmp_path / "nothing.csv", *ASKED)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database goes away after the first row."""
    asked = audiences.check_many

    def once(*args: Any, **fields: Any) -> Any:
        def gone(*args: Any, **fields: Any) -> Any:
            raise OperationalError(NUMBER)

        monkeypatch.setattr(audiences, "check_many", gone)
        return asked(*args, **fields)

    monkeypatch.setattr(audiences, "CHUNK", 1)
    monkeypatch.setattr(audiences, "check_many", once)


def test_an_answer_that_cannot_be_finished_ends_by_saying_so(
    people: Path, capsysbinary: Any, failing: None
) -> None:
    with pytest.raises(CommandError, match="database") as error:
        run(people, *ASKED)
    first, last = rows(capsysbinary.readouterr().out)
    assert (first["allowed"], last["allowed"], last["reason"]) == ("true", "false", "try_again")
    assert last["name"].startswith("#error")
    assert NUMBER not in str(error.value)


def test_a_file_that_cannot_be_finished_is_not_there(people: Path, failing: None) -> None:
    output = people.with_name("answer.csv")
    output.write_text("of yesterday")
    with pytest.raises(CommandError):
        run(people, *ASKED, "--output", output)
    assert output.read_text() == "of yesterday"
    assert sorted(one.name for one in people.parent.iterdir()) == ["answer.csv", "people.csv"]


def test_whoever_stops_reading_stops_the_command(
    people: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Closed(io.BytesIO):
        def write(self, content: Any) -> int:
            raise BrokenPipeError

    with (tmp_path / "stdout").open("wb") as stdout:
        gone = SimpleNamespace(buffer=Closed(), fileno=stdout.fileno, isatty=lambda: False)
        monkeypatch.setattr(sys, "stdout", gone)
        with pytest.raises(CommandError, match="Nobody reads on"):
            run(people, *ASKED)
        assert os.path.sameopenfile(stdout.fileno(), os.open(os.devnull, os.O_WRONLY))

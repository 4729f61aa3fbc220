"""`export_consents`: consents written out from the command line."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from consents import exporting
from consents.exporting import Row
from consents.models import Sender
from consents.writing import database_clock
from tests.consents.factories import (
    NUMBER,
    OptInFactory,
    OptOutFactory,
    SenderFactory,
    StopFactory,
    ago,
    british_number,
)

pytestmark = pytest.mark.django_db


def run(*words: object) -> str:
    """What it said on stderr."""
    said = io.StringIO()
    call_command("export_consents", *map(str, words), stderr=said)
    return said.getvalue()


@pytest.fixture
def written(capsysbinary: Any) -> Any:
    def rows(*words: object) -> list[dict[str, str]]:
        run(*words)
        content = capsysbinary.readouterr().out.decode()
        return list(csv.DictReader(io.StringIO(content, newline="")))

    return rows


@pytest.fixture
def people(sender: Sender) -> None:
    OptInFactory(occurred_at=ago(days=1))
    OptOutFactory(identity=british_number(0), purpose="marketing")
    OptInFactory(identity=british_number(1), channel="SMS")
    OptInFactory(sender=SenderFactory(key="other"))


def test_the_present_is_written_out_in_rows(people: None, written: Any) -> None:
    rows = written()
    assert [(row["identity"], row["purpose"], row["state"]) for row in rows] == [
        (NUMBER, "all", "opted_in"),
        (british_number(0), "marketing", "opted_out"),
        (british_number(1), "all", "opted_in"),
    ]
    assert list(rows[0]) == list(Row._fields)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (("--sender", "other"), 1),
        (("--channel", "sms"), 1),
        (("--purpose", "marketing"), 1),
        (("--state", "opted_in"), 2),
    ],
)
def test_rows_may_be_selected(
    people: None, written: Any, words: tuple[str, ...], count: int
) -> None:
    assert len(written(*words)) == count


def test_the_past_is_as_it_was_known_then_or_with_hindsight_as_it_is_known_now(
    people: None, written: Any
) -> None:
    then = database_clock()
    StopFactory(occurred_at=then - timedelta(hours=1))
    at = ("--channel", "WHATSAPP", "--purpose", "all", "--at", then.isoformat())
    assert [row["state"] for row in written(*at)] == ["opted_in"]
    assert [row["state"] for row in written(*at, "--hindsight")] == ["opted_out"]
    before = ago(days=2).isoformat()
    assert written("--at", before, "--hindsight") == []


def test_ndjson_may_be_written_to_a_file(people: None, tmp_path: Path, capsysbinary: Any) -> None:
    output = tmp_path / "consents.ndjson"
    assert "3 rows" in run("--format", "ndjson", "--output", output)
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["external_id"] for row in rows] == [None] * 3
    assert capsysbinary.readouterr().out == b""


def test_an_empty_book_has_a_header_alone(sender: Sender, capsysbinary: Any) -> None:
    assert "0 rows" in run()
    assert capsysbinary.readouterr().out.decode() == ",".join(Row._fields) + "\n"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--sender", "nobody"), "no such sender"),
        (("--purpose", "astrology"), "no such purpose"),
        (("--channel", "FAX"), "invalid choice"),
        (("--at", "yesterday"), "ISO 8601"),
        (("--at", "2026-01-31T12:00:00"), "ISO 8601"),
        (("--at", "0001-01-01T00:00:00+14:00"), "ISO 8601"),
        (("--at", (timezone.now() + timedelta(days=1)).isoformat()), "yet to come"),
        (("--hindsight",), "--at"),
    ],
)
def test_what_cannot_be_written_out_is_refused_in_words(
    sender: Sender, words: tuple[str, ...], why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        run(*words)


def test_a_file_that_cannot_be_finished_is_not_there(
    people: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    present = exporting.present

    def breaking(*args: Any) -> Any:
        yield next(present(*args))
        raise OperationalError(NUMBER)

    monkeypatch.setattr(exporting, "present", breaking)
    with pytest.raises(CommandError, match="database") as error:
        run("--output", tmp_path / "consents.csv")
    assert list(tmp_path.iterdir()) == []
    assert NUMBER not in str(error.value)

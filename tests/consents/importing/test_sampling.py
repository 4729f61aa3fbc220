"""Guesses at how a file is written, and its first rows."""

from __future__ import annotations

import pytest

from consents.errors import ConsentError
from consents.importing import sampling
from consents.importing.files import CSV, NDJSON
from consents.models import Sender
from tests.consents.factories import NUMBER
from tests.consents.importing.handed_in import receive
from tests.consents.importing.lists import csv_text


@pytest.mark.parametrize(
    ("content", "name", "found"),
    [
        ("identity,source\n", "a.csv", (CSV, ",")),
        ("identity;source\n1;2,3,4\n", "a.csv", (CSV, ";")),
        ("identity\tsource, or so\tname\n", "a.txt", (CSV, "\t")),
        ("identity|source\n", "a", (CSV, "|")),
        ('"a,b,c";"d"\n', "a.csv", (CSV, ";")),
        ("identity\n", "a.csv", (CSV, ",")),
        ("\ufeffidentity;source\n", "a.csv", (CSV, ";")),
        ("\n\nidentity;source\n", "a.csv", (CSV, ";")),
        ('{"identity": 1}\n', "a.txt", (NDJSON, ",")),
        ('\ufeff{"identity": 1}\n', "a", (NDJSON, ",")),
        ("not json\n", "a.ndjson", (NDJSON, ",")),
        ("   \n", "a.csv", (CSV, ",")),
    ],
)
def test_the_layout_is_guessed(
    sender: Sender, content: str, name: str, found: tuple[str, str]
) -> None:
    assert sampling.layout(receive(sender, content, name)) == found


def test_what_columns_mean_is_guessed_once_each() -> None:
    guessed = sampling.fields(["Phone Number", "E-Mail", "Full name", "Datum", "evidence.url", "x"])
    assert guessed == {
        "Phone Number": "identity",
        "E-Mail": "",
        "Full name": "display_name",
        "Datum": "",
        "evidence.url": "evidence.url",
        "x": "",
    }


def test_fields_are_known_however_they_are_spelt() -> None:
    assert sampling.fields(["Occurred At", "USER-AGENT", "externalId"]) == {
        "Occurred At": "occurred_at",
        "USER-AGENT": "user_agent",
        "externalId": "external_id",
    }


def test_the_first_rows_are_shown_without_those_that_cannot_be_read(sender: Sender) -> None:
    rows = ["broken", *(f"{at},x" for at in range(9))]
    found = sampling.sample(receive(sender, csv_text("identity,,note", rows)), CSV, ",")
    assert found.columns == ["identity", "note"]
    assert found.rows == []
    found = sampling.sample(receive(sender, csv_text("identity,note", rows)), CSV, ",")
    assert [row["identity"] for row in found.rows] == ["0", "1", "2", "3"]


def test_columns_of_json_are_those_of_the_first_rows(sender: Sender) -> None:
    lines = '{"identity": 1, "evidence": {"a": 1}}\n{"note": "\\ud800", "\\ud800": 1}\n'
    found = sampling.sample(receive(sender, lines), NDJSON, ",")
    assert found.columns == ["identity", "evidence", "note"]
    assert found.rows[0] == {"identity": "1", "evidence": '{"a":1}'}
    assert found.rows[1]["note"] == "\\ud800"


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_row_cut_off_by_the_end_of_the_sample_is_not_shown(
    sender: Sender, monkeypatch: pytest.MonkeyPatch, quote: str
) -> None:
    monkeypatch.setattr(sampling, "_BEGINNING", 1)
    filler = "x" * 100_000
    rows = [f"{NUMBER},{quote}{filler}{quote}"] * 4
    found = sampling.sample(receive(sender, csv_text("identity,note", rows)), CSV, ",")
    assert [row["note"] for row in found.rows] == [filler] * 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a,a\n1,2\n", "repeated_column"),
        (b'"never,closed\n1,2\n', "no_header"),
        (b"\n\n\n", "no_header"),
        ("é,identity\n".encode("latin-1"), "not_utf8"),
        (",".join(f"c{at}" for at in range(10_000)).encode() + b"\n", "too_many_columns"),
    ],
)
def test_what_cannot_be_shown_says_why(sender: Sender, content: bytes, code: str) -> None:
    file = receive(sender, content)
    with pytest.raises(ConsentError) as caught:
        sampling.sample(file, CSV, ",")
    assert caught.value.code == code

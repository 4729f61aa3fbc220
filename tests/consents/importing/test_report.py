"""The rows of each category in files of their own, for whoever has to look at them."""

from __future__ import annotations

import csv
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from consents.errors import ConsentError
from consents.importing.files import Source
from consents.importing.report import Report, tally
from consents.importing.verdicts import CATEGORIES, Verdict
from tests.consents.importing.lists import csv_text, ndjson, source

WRONG = ConsentError("invalid_ip", "The ip is not a valid IP address.", "ip")


def report(directory: Path, read: Source, *verdicts: Verdict) -> Path:
    with Report(directory / "report", read.header) as writing:
        tally(verdicts, read, writing)
    return directory / "report"


def lines(directory: Path, category: str) -> list[list[str]]:
    with (directory / f"{category}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_each_row_stands_in_the_file_of_its_category_with_what_is_wrong(tmp_path: Path) -> None:
    read = source(tmp_path, csv_text("identity,note", ['1,"a\nb"', "2,", "broken", "3,c"]))
    directory = report(
        tmp_path,
        read,
        *(Verdict(1, "new"), Verdict(2, "invalid", WRONG)),
        *(Verdict(3, "invalid", ConsentError("wrong_number_of_cells", "No.")), Verdict(4, "new")),
    )
    assert lines(directory, "new") == [
        ["row", "why", "identity", "note"],
        ["1", "", "1", "a\nb"],
        ["4", "", "3", "c"],
    ]
    assert lines(directory, "invalid")[1:] == [
        ["2", "invalid_ip: The ip is not a valid IP address.", "2", ""],
        ["3", "wrong_number_of_cells: No."],
    ]
    assert {path.stem for path in directory.iterdir()} == {"new", "invalid"}


def test_a_row_of_json_is_shown_as_it_is_read(tmp_path: Path) -> None:
    read = ndjson(tmp_path, ['{"identity": 1, "note": "é"}', '{"note": "\\ud800"}'])
    directory = report(tmp_path, read, Verdict(1, "new"), Verdict(2, "new"))
    assert [row[-1] for row in lines(directory, "new")] == [
        *("content", '{"identity": 1, "note": "é"}', '{"note": "\\ud800"}'),
    ]


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-x", "@x", "\t=1", "\r=1", "=", "+1 x"])
def test_what_a_spreadsheet_would_run_is_shown_as_text(tmp_path: Path, cell: str) -> None:
    read = source(tmp_path, csv_text("identity,=note", [f'1,"{cell}"']))
    header, row = lines(report(tmp_path, read, Verdict(1, "new")), "new")
    assert (header[-1], row[-1]) == ("'=note", f"'{cell}")


@pytest.mark.parametrize("cell", ["+46 (73) 200-11.22", "-1", "+", "46732001122", "a=b", "", " =1"])
def test_numbers_and_other_texts_are_shown_as_they_are(tmp_path: Path, cell: str) -> None:
    read = source(tmp_path, csv_text("identity,note", [f"1,{cell}"]))
    assert lines(report(tmp_path, read, Verdict(1, "new")), "new")[1][-1] == cell


def test_a_report_is_for_its_owners_eyes_alone(tmp_path: Path) -> None:
    read = source(tmp_path, csv_text("identity", ["1"]))
    directory = report(tmp_path, read, Verdict(1, "new"))
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (directory, directory / "new.csv")]
    assert modes == [0o700, 0o600]


def test_an_earlier_report_is_replaced_whole(tmp_path: Path) -> None:
    read = source(tmp_path, csv_text("identity", ["1"]))
    for category in CATEGORIES:
        directory = report(tmp_path, read, Verdict(1, category))
    (directory / "notes.txt").write_text("mine")
    report(tmp_path, read, Verdict(1, "new"))
    assert {path.name for path in directory.iterdir()} == {"new.csv", "notes.txt"}


@pytest.mark.parametrize("name", ["list.csv", "list.csv/report", "x" * 300])
def test_where_a_report_cannot_be_written_it_says_so(tmp_path: Path, name: str) -> None:
    read = source(tmp_path, csv_text("identity", ["1"]))
    with pytest.raises(ConsentError) as caught, Report(tmp_path / name, read.header):
        pass
    assert caught.value.code == "unwritable_report"


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond a few bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_is_full_is_told(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    read = source(tmp_path, csv_text("identity", ["1"]))
    request.getfixturevalue("full_disk")
    with pytest.raises(ConsentError) as caught:
        report(tmp_path, read, Verdict(1, "new"))
    assert caught.value.code == "unwritable_report"


def test_a_file_that_changed_since_it_was_looked_at_is_refused(tmp_path: Path) -> None:
    def shortened(read: Source) -> Iterator[Verdict]:
        yield Verdict(1, "new")
        read.path.write_text("identity\n")
        yield Verdict(2, "new")

    for rows in (["1", "2"], ["1", "2", "3"] * 20_000):
        read = source(tmp_path, csv_text("identity", rows))
        with pytest.raises(ConsentError, match="changed"), Report(tmp_path / "r", ()) as writing:
            tally(shortened(read), read, writing)

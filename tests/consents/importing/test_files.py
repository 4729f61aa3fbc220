"""Rows out of files, whatever is in them, and where each of them ends."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consents.errors import ConsentError
from consents.importing import files
from consents.importing.files import CSV, NDJSON, Row, Source
from tests.consents.importing.lists import csv_text, ndjson, source

few = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def plain(rows: Iterator[Row]) -> list[tuple[int, int, Any]]:
    """Rows that can be compared: what is wrong as code and sentence."""
    return [(row.number, row.end, _plain(row.values)) for row in rows]


def _plain(values: Any) -> Any:
    return (values.code, values.message) if isinstance(values, ConsentError) else dict(values)


def values(read: Source) -> list[Any]:
    """The rows' values, or the code of what is wrong with them; their numbers run on from 1."""
    rows = list(read.rows())
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    return [one.code if isinstance(one := row.values, ConsentError) else one for row in rows]


def cells(read: Source) -> list[Any]:
    return [one if isinstance(one, str) else list(one.values()) for one in values(read)]


def code_of(content: str | bytes, directory: Path, **how: str) -> str:
    with pytest.raises(ConsentError) as caught:
        source(directory, content, **how)
    return caught.value.code


# --- what is read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", [["1", "2"]]),
        ("a,b\r\n1,2\r\n", [["1", "2"]]),
        ("a,b\n1,2", [["1", "2"]]),
        ('a,b\n"1\n,""x""\r\n",2\n3,4\n', [['1\n,"x"\r\n', "2"], ["3", "4"]]),
        ('a,b\n1,"say ""stop"""\n', [["1", 'say "stop"']]),
        ('a,b\n1,5" pipe\n', [["1", '5" pipe']]),
        ("a,b\n1,\u2028x\x85\n", [["1", "\u2028x\x85"]]),
        ("a,b\n1,nul\0\n", [["1", "nul\0"]]),
        ("a,b\n ,\n", [[" ", ""]]),
        ("\ufeffa,b\n1,2\n", [["1", "2"]]),
        ('\ufeff"a",b\n1,2\n', [["1", "2"]]),
    ],
)
def test_csv_is_read_as_it_is_written(tmp_path: Path, text: str, expected: list[Any]) -> None:
    read = source(tmp_path, text)
    assert (list(read.header), cells(read)) == (["a", "b"], expected)


@pytest.mark.parametrize("delimiter", [";", "\t", "|", "å"])
def test_cells_may_be_parted_otherwise(tmp_path: Path, delimiter: str) -> None:
    text = csv_text(f"a{delimiter}b", [f'1{delimiter}"2{delimiter}3"'])
    assert values(source(tmp_path, text, delimiter=delimiter)) == [
        {"a": "1", "b": f"2{delimiter}3"}
    ]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\r"])
def test_what_cannot_part_cells_is_refused(tmp_path: Path, delimiter: str) -> None:
    assert code_of("a,b\n", tmp_path, delimiter=delimiter) == "invalid_delimiter"


def test_empty_lines_are_no_rows(tmp_path: Path) -> None:
    text = "\n\r\na,b\n\n1,2\n,\n\r\n3,4\n\n"
    assert cells(source(tmp_path, text)) == [["1", "2"], ["3", "4"]]
    assert values(ndjson(tmp_path, ["", '{"a": 1}', "  ", '{"a": 2}', ""])) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("text", ["a,b", "a,b\n", "a,b\r\n\r\n", '"a","b"\n,\n'])
def test_a_header_alone_has_no_rows(tmp_path: Path, text: str) -> None:
    assert values(source(tmp_path, text)) == []


@pytest.mark.parametrize("content", ["", "\ufeff", "\n\n"])
def test_nothing_is_no_rows_of_json(tmp_path: Path, content: str) -> None:
    assert values(source(tmp_path, content, NDJSON)) == []


def test_the_names_of_columns_lose_the_spaces_around_them(tmp_path: Path) -> None:
    assert source(tmp_path, ' identity ,"note\t"\n').header == ["identity", "note"]


def test_columns_without_a_name_may_be_several(tmp_path: Path) -> None:
    read = source(tmp_path, "a,,\n1,2,3\n")
    assert (read.header, values(read)[0]["a"]) == (["a", "", ""], "1")


# --- what is wrong with a whole file


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "no_header"),
        ("\ufeff", "no_header"),
        ("\n\r\n,,\n", "no_header"),
        ('"a,b\n1,2\n', "no_header"),
        ("a,b\rc,d\re,f\r", "no_header"),
        ("a" * (files.ROW_MAX + 1), "no_header"),
        ("a,b,a\n", "repeated_column"),
        ("a,b, a \n", "repeated_column"),
        ("a,b\n".encode("utf-16"), "not_utf8"),
        (b"a,\xe9\n", "not_utf8"),
    ],
)
def test_a_file_without_a_header_that_can_be_read_is_refused(
    tmp_path: Path, content: str | bytes, code: str
) -> None:
    assert code_of(content, tmp_path) == code


def test_what_is_no_file_that_can_be_read_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nowhere", "x" * 300):
        with pytest.raises(ConsentError, match="cannot be read") as caught:
            Source(tmp_path / name)
        assert caught.value.code == "unreadable_file"


# --- what is wrong with one row


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["1", "3,4"], ["wrong_number_of_cells", ["3", "4"]]),
        (["1,2,3", "3,4"], ["wrong_number_of_cells", ["3", "4"]]),
        (['"1"x,2', "3,4"], ["malformed_row", ["3", "4"]]),
        (["1,\r2,", "3,4"], ["malformed_row", ["3", "4"]]),
        (['1,"never closed', "3,4"], ["malformed_row"]),
        (['1,"closed by the next', '"3",4', "5,6"], ["malformed_row", ["5", "6"]]),
        ([f"1,{'x' * 131_073}", "3,4"], ["malformed_row", ["3", "4"]]),
    ],
)
def test_a_row_that_is_no_csv_is_one_row_and_leaves_the_rest(
    tmp_path: Path, rows: list[str], expected: list[Any]
) -> None:
    assert cells(source(tmp_path, csv_text("a,b", rows))) == expected


def test_a_row_says_how_many_lines_went_with_it(tmp_path: Path) -> None:
    read = source(tmp_path, csv_text("a,b", ['1,"never', "3,4", "5,6"]))
    [row] = read.rows()
    assert isinstance(row.values, ConsentError)
    assert row.values.message == "The row is not written as CSV is. It takes 3 lines."


def test_bytes_that_are_no_utf8_spoil_their_own_row_alone(tmp_path: Path) -> None:
    assert cells(source(tmp_path, b'a,b\n1,2\n3,"\xe9\n"\n5,6\n\xff\n7,8\n')) == [
        *(["1", "2"], "not_utf8", ["5", "6"], "not_utf8", ["7", "8"]),
    ]
    assert values(ndjson(tmp_path, ['{"a": 1}', b'{"a": "\xe9"}', '{"a": 2}'])) == [
        *({"a": 1}, "not_utf8", {"a": 2}),
    ]


@pytest.mark.parametrize("over", [-1, 0, 1, 2, 70_000])
@pytest.mark.parametrize("format", [CSV, NDJSON])
def test_a_row_ends_at_a_known_length_and_the_next_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, over: int, format: str
) -> None:
    monkeypatch.setattr(files, "ROW_MAX", 100)
    frame, header, following = {
        CSV: ("{},2\n", "a,b\n", "3,4\n"),
        NDJSON: ('{{"a": "{}"}}\n', "", '{"a": 1}\n'),
    }[format]
    long = frame.format("x" * (100 + over - len(frame.format(""))))
    first, second = values(source(tmp_path, header + long + following, format))
    assert (first == "row_too_long") == (over > 0)
    assert second in ({"a": "3", "b": "4"}, {"a": 1})


def test_a_row_of_many_lines_ends_at_a_known_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_MAX", 100)
    rows = ['"' + "x" * 40, '","' + "x" * 40, '","' + "x" * 40, "1,2"]
    assert cells(source(tmp_path, csv_text("a,b", rows))) == ["row_too_long", ["1", "2"]]


def test_a_line_too_long_at_the_files_end_is_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ROW_MAX", 100)
    assert values(source(tmp_path, f"a,b\n{'x' * 1000}")) == ["row_too_long"]


@pytest.mark.parametrize(
    "line",
    [
        *("nonsense", "[]", "1", '"text"', "null", "{", "{'a': 1}", '{"a": NaN}'),
        *('{"a": 1} {"a": 2}', '{"a": 1, "a": 2}'),
        *('{"a": ' + "[" * 100_000, '{"a": ' + "[" * 100 + "]" * 100 + "}"),
    ],
)
def test_a_line_that_is_no_json_object_leaves_the_rest(tmp_path: Path, line: str) -> None:
    assert values(ndjson(tmp_path, [line, '{"a": 2}'])) == ["malformed_json", {"a": 2}]


# --- a file that changes


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    read = source(tmp_path, csv_text("a,b", ["1,2"]))
    with read.path.open("a") as file:
        file.write("3,4\r\n")
    for use in (read.sha256, lambda: list(read.rows()), read.check_unchanged):
        with pytest.raises(ConsentError) as caught:
            use()
        assert caught.value.code == "file_changed"


def test_a_file_that_is_replaced_or_goes_away_is_refused(tmp_path: Path) -> None:
    read = source(tmp_path, csv_text("a,b", ["1,2"]))
    twin = tmp_path / "twin"
    twin.write_bytes(read.path.read_bytes())
    os.utime(twin, ns=(0, read.path.stat().st_mtime_ns))
    twin.replace(read.path)
    with pytest.raises(ConsentError, match="changed"):
        read.check_unchanged()
    read.path.unlink()
    with pytest.raises(ConsentError, match="cannot be read"):
        list(read.rows())


# --- reading on


bits = st.sampled_from(
    [
        *(b"1,2", b"1", b"x", b" ", b",", b'"', b'""', b"\n", b"\n", b"\r\n", b"\r"),
        *(b"\xe9", b"\xc3\xa9", b"\0", b"x" * 30, b'{"a": 1}', b"{", b"[]"),
    ]
)


def rows_read_on(read: Source) -> None:
    rows = plain(read.rows())
    for at, (number, end, _) in enumerate(rows, 1):
        assert plain(read.rows(end, number)) == rows[at:]


@few
@given(content=st.lists(bits, max_size=40).map(b"".join), format=st.sampled_from([CSV, NDJSON]))
def test_reading_on_behind_any_row_gives_the_very_rows_that_remain(
    tmp_path: Path, content: bytes, format: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "ROW_MAX", 50)
        header = b"a,b\n" if format == CSV else b""
        rows_read_on(source(tmp_path, header + content, format))


texts = st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(
    ['"', "\r\n", "\n", ","]
)


@few
@given(rows=st.lists(st.tuples(texts, texts)), is_windows=st.booleans(), is_marked=st.booleans())
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str]], is_windows: bool, is_marked: bool
) -> None:
    written = io.StringIO()
    writer = csv.writer(
        written, lineterminator="\r\n" if is_windows else "\n", quoting=csv.QUOTE_ALL
    )
    writer.writerows([("a", "b"), *rows])
    read = source(tmp_path, written.getvalue().encode("utf-8-sig" if is_marked else "utf-8"))
    assert [tuple(one) for one in cells(read)] == [row for row in rows if any(row)]
    rows_read_on(read)

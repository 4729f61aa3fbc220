"""Rows as programs and spreadsheets take them."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consents import tabular

cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"))


@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_csv_is_read_again_as_it_was(rows: list[tuple[str, str]]) -> None:
    text = b"".join(tabular.in_csv(["a", "b"], rows)).decode()
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["a", "b"], *map(list, rows)]


def test_json_lines_are_objects_by_the_names_of_the_header() -> None:
    lines = list(tabular.in_ndjson(["a", "b"], [("é", None), ("x\n", 1)]))
    assert [json.loads(line) for line in lines] == [{"a": "é", "b": None}, {"a": "x\n", "b": 1}]


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+cmd|' /C calc'!A0", "-x", "\t=1", "\r=1"])
def test_what_a_spreadsheet_would_run_is_shown_as_text(cell: str) -> None:
    assert tabular.harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "+46 73-200 11 22", "-5", "a=b", "name@shop.example"])
def test_what_it_would_not_run_stays_as_it_is(cell: str) -> None:
    assert tabular.harmless(cell) == cell


@given(st.lists(st.binary(max_size=9)), st.integers(1, 20))
def test_gathered_pieces_are_the_same_bytes(pieces: list[bytes], size: int) -> None:
    found = list(tabular.gathered(pieces, size))
    assert b"".join(found) == b"".join(pieces)
    assert all(len(piece) >= size for piece in found[:-1])

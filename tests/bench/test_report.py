"""The table, and the page it is written into."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import report
from bench.figures import Figure, at_least, ratio_at_least

GATE = Figure(
    name="Gate",
    value=900,
    unit="requests/s",
    floor=1000,
    goals=(ratio_at_least(0.8),),
    note="16 connections",
)
SLOW = Figure(name="Bulk", value=20_000, unit="identities/s", goals=(at_least(35_000),))
SIZE = Figure(name="One consent on disk", value=2600, unit="bytes")
ABSENT = Figure(name="Import", value=None, unit="rows/s")


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "benchmarks.md"
    path.write_text(f"# Benchmarks\n\n{report.BEGIN}\nold\n{report.END}\n\nTried and dropped.\n")
    return path


def test_a_line_says_what_was_measured_and_whether_it_will_do():
    assert report.line(GATE) == (
        "Gate: 900 requests/s; floor 1 000, ratio 0.9; goal ≥ 0.8 ×: met (16 connections)"
    )
    assert report.line(SLOW) == "Bulk: 20 000 identities/s; goal ≥ 35 000 identities/s: MISSED"
    assert report.line(SIZE) == "One consent on disk: 2 600 bytes"
    assert report.line(ABSENT) == "Import: not there"


def test_a_table_has_a_row_for_each_figure():
    assert report.table([GATE, SLOW, ABSENT]).splitlines()[2:] == [
        "| Gate | 900 requests/s | 1 000 requests/s | 0.9 | ≥ 0.8 × | met | 16 connections |",
        "| Bulk | 20 000 identities/s |  |  | ≥ 35 000 identities/s | MISSED |  |",
        "| Import | – |  |  |  | not there |  |",
    ]


def test_only_what_stands_between_the_markers_is_replaced(page):
    for _ in range(2):
        report.write(page, "| new |")
    assert page.read_text() == (
        f"# Benchmarks\n\n{report.BEGIN}\n| new |\n{report.END}\n\nTried and dropped.\n"
    )


@pytest.mark.parametrize("left", [report.BEGIN, report.END, ""])
def test_a_page_without_both_markers_is_left_alone(page, left):
    page.write_text(f"# Notes\n{left}\n")
    with pytest.raises(report.NoMarkersError, match=r"benchmarks\.md"):
        report.write(page, "| new |")
    assert page.read_text() == f"# Notes\n{left}\n"


def test_a_section_names_the_machine_the_versions_and_the_command():
    at = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    text = report.section([GATE], report.facts("18.4", "script/bench --rows 1000", at))
    assert "2026-01-02 03:04 UTC" in text
    assert "`script/bench --rows 1000`" in text
    for word in ("cores", "GiB", "Python 3", "PostgreSQL 18.4", "django 5", "granian", "psycopg 3"):
        assert word in text


def test_the_projects_own_page_has_a_place_for_the_table():
    from bench.__main__ import PAGE

    assert report.parts(PAGE)

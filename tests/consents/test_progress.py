"""How far a long command is, as its terminal shows it."""

from __future__ import annotations

import pytest

from consents.management import progress


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)


def test_a_terminal_shows_how_far_it_is_and_how_fast(
    terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.bar("Recording", 200, 100) as bar:
        bar(150, 10)
    shown = capsys.readouterr().err
    assert "Recording" in shown
    assert "75%" in shown
    assert "rows/s" in shown


def test_who_counts_no_rows_is_told_of_none(
    terminal: None, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.bar("Reading", 200) as bar:
        bar(50)
    shown = capsys.readouterr().err
    assert "25%" in shown
    assert "rows/s" not in shown


def test_what_is_no_terminal_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar("Reading", 200) as bar:
        bar(50, 5)
    assert capsys.readouterr().err.strip() == ""

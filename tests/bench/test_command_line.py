"""What `script/bench` takes and refuses, before anything is started."""

from __future__ import annotations

import pytest

from bench.__main__ import main


@pytest.mark.parametrize(
    "words",
    [
        ["--rows", "many"],
        ["--rows", "0"],
        ["--rows", "1.5"],
        ["--rows", "99999999999"],
        ["--seconds", "nan"],
        ["--seconds", "0"],
        ["--only", "gates"],
        ["--only"],
        ["--colour"],
    ],
)
def test_nonsense_is_refused_with_a_sentence(words, capsys):
    with pytest.raises(SystemExit) as refused:
        main(words)
    assert refused.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("content", [None, "# No place for a table\n"])
def test_a_page_that_cannot_take_the_table_is_refused_before_anything_is_measured(
    content, tmp_path, capsys
):
    page = tmp_path / "page.md"
    if content:
        page.write_text(content)
    assert main(["--only", "space", "--output", str(page)]) == 1
    assert "page.md" in capsys.readouterr().err

"""The table of sentences in docs/seeds.md names tests that are there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from config.home import BASE

TABLE = (BASE / "docs" / "seeds.md").read_text()
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")]
SENTENCES = [line for line in ROWS if not line.startswith("| sentence |")]


@cache
def names_in(path: Path) -> frozenset[str]:
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_every_page_has_its_sentences() -> None:
    assert TABLE.count("\n## ") == 3
    assert len(SENTENCES) > 60


@pytest.mark.parametrize("line", SENTENCES, ids=lambda line: line.split("|")[1].strip()[:60])
def test_every_sentence_has_tests_that_are_there(line: str) -> None:
    named = NAMED.findall(line)
    assert named
    assert line.count("::") == len(named)
    for module, test in named:
        assert test in names_in(BASE / "tests" / module), f"{module}::{test}"


def test_every_test_of_the_sentences_is_in_the_table() -> None:
    module = "providers/test_seed_sentences.py"
    here = {test for test in names_in(BASE / "tests" / module) if test.startswith("test_")}
    named = {test for where, test in NAMED.findall(TABLE) if where == module}
    assert here - named == {
        "test_a_program_cannot_lift_what_a_person_said_themselves_and_is_told_so"
    }

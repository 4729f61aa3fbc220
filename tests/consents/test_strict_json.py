"""JSON that two readers could take differently is refused."""

from __future__ import annotations

import json

import pytest

from consents import strict_json
from consents.strict_json import DEPTH_MAX, MalformedError


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "é"]}, [], "text", 7, None])
def test_what_everybody_reads_alike_is_read(value: object) -> None:
    assert strict_json.read(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "{", "{'a': 1}", "[1,]", "1 2", "\ufeff{}"),
        *("NaN", "[Infinity]", "-Infinity", "1e999", "1" * 5000),
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="not JSON"):
        strict_json.read(text)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "a": 2}}]'])
def test_a_field_that_stands_twice_is_refused(text: str) -> None:
    with pytest.raises(MalformedError, match="twice"):
        strict_json.read(text)


@pytest.mark.parametrize("around", ['{{"a": {}}}', "[{}]"])
def test_nesting_ends_at_a_known_depth(around: str) -> None:
    text = "1"
    for _ in range(DEPTH_MAX):
        text = around.format(text)
    assert json.dumps(strict_json.read(text)) == text
    with pytest.raises(MalformedError, match="levels"):
        strict_json.read(around.format(text))


def test_a_depth_that_python_cannot_follow_is_told_as_depth() -> None:
    with pytest.raises(MalformedError, match="levels"):
        strict_json.read("[" * 100_000)

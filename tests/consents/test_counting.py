"""Numbers of things, as people read them."""

from __future__ import annotations

from consents.counting import counted, noun


def test_one_thing_is_not_many() -> None:
    assert [counted(count, "line") for count in (0, 1, 2)] == ["0 lines", "1 line", "2 lines"]
    assert counted(1234567, "seal") == "1,234,567 seals"


def test_a_word_may_have_another_plural() -> None:
    assert [counted(count, "entry", "entries") for count in (1, 2)] == ["1 entry", "2 entries"]
    assert noun(2, "change waits", "changes wait") == "changes wait"

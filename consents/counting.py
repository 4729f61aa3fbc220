"""Numbers of things, as people read them."""

from __future__ import annotations


def counted(count: int, thing: str, things: str = "") -> str:
    """`1 line`, `2,000 lines`; `things` where it is not the word with an s."""
    return f"{count:,} {noun(count, thing, things)}"


def noun(count: int, thing: str, things: str = "") -> str:
    """The word alone, for a number that is written otherwise."""
    return thing if count == 1 else things or f"{thing}s"

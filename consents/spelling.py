"""Texts of people made comparable: script variants, decoration and courtesies folded away."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from consents.keyword_lists import COURTESIES

_HYPHENS: Final = frozenset("-\u2010\u2011\u2012\u2013")
_APOSTROPHES: Final = frozenset("'`\u2018\u2019\u201b\u02bc\u02b9\u00b4")
# Letters that show nothing (Hangul fillers) though Unicode counts them as letters.
_INVISIBLE_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0")
# Cyrillic and Greek letters that look like Latin ones, capitals included: a stop word typed on
# such a keyboard reads as a stop. Words of those languages change on both sides, so they match.
_LOOKALIKES: Final = str.maketrans(
    "авекмнорстухіѕјѵӏ" + "αβεικνορτυχ" + "ı",
    "abekmhopctyxisjvl" + "abeikvoptyx" + "i",
)
_LONE_HYPHEN: Final = re.compile(r"(?<![^\s-])-+|--+|-+(?![^\s-])")


def words(text: str) -> str:
    """The text as lower-case words with single spaces; only a hyphen inside a word is kept.

    Unicode compatibility forms, case, accents of European scripts and look-alike letters are
    folded; invisible marks and apostrophes vanish; punctuation and emoji become spaces.
    """
    shown = "".join(map(_kept, _caseless(text)))
    return " ".join(_LONE_HYPHEN.sub(" ", unicodedata.normalize("NFC", shown)).split())


def essential(text: str) -> list[str]:
    """The words that carry the meaning: courtesies left out, a repeated text counted once.

    A text of courtesies alone keeps them, so that nothing folds to the empty text but nothing.
    """
    plain = words(text).replace("-", " ")
    return _once(_COURTESIES.sub(" ", plain).split() or plain.split())


def compact(parts: list[str]) -> str:
    """Words as keywords are compared: `opt out`, `opt-out` and `optout` are one."""
    return "".join(parts)


def _caseless(text: str) -> str:
    return unicodedata.normalize("NFKD", text).casefold().translate(_LOOKALIKES)


@lru_cache(maxsize=4096)
def _kept(character: str) -> str:
    if character in _HYPHENS:
        return "-"
    if character in _APOSTROPHES or character in _INVISIBLE_LETTERS:
        return ""
    category = unicodedata.category(character)
    if category in ("Cf", "Me") or _is_accent_or_variant(character):
        return ""
    return character if category[0] in "LMN" else " "


def _is_accent_or_variant(character: str) -> bool:
    # Marks of other scripts are vowels, and leaving them out would make other words.
    return "\u0300" <= character <= "\u036f" or "\ufe00" <= character <= "\ufe0f"


def _once(parts: list[str]) -> list[str]:
    whole = "".join(parts)
    beginning = ""
    for count, part in enumerate(parts, start=1):
        beginning += part
        times, rest = divmod(len(whole), len(beginning))
        if not rest and beginning * times == whole:
            return parts[:count]
    return parts


def _any_of(phrases: tuple[str, ...]) -> re.Pattern[str]:
    longest_first = sorted({words(phrase) for phrase in phrases}, key=len, reverse=True)
    return re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, longest_first))})(?!\S)")


_COURTESIES: Final = _any_of(COURTESIES)

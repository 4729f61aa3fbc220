"""What a person's text asks for: to stop, to start, a look by somebody; or to what it says yes.

A revocation may be made "in any reasonable manner", and seven words count as such by rule
(47 CFR 64.1200(a)(10)). So the words are generous, and what merely holds one of them is shown
to a person rather than guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from consents import spelling
from consents.keyword_lists import DEFAULT_KEYWORDS, PURPOSE_SYNONYMS, Keyword
from consents.vocabulary import ROOT_PURPOSE, KeywordAction

__all__ = ["DEFAULT_KEYWORDS", "Keyword", "Match", "MatchKind", "Matcher", "fold_text"]

READ_MAX: Final = 4096
"""Characters looked at for watch words: the longest text WhatsApp carries."""

WHOLE_MAX: Final = 160
"""Characters, without decoration, of the longest text that can be a keyword as a whole."""


class MatchKind(StrEnum):
    STOP = "stop"
    START = "start"
    CONFIRM = "confirm"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Match:
    """What was asked; `purpose` is None for all of them, `keyword` the word that decided.

    CONFIRM says yes to what was asked before, and nothing where nothing was.
    """

    kind: MatchKind
    purpose: str | None
    keyword: str


def fold_text(text: str) -> str:
    """The text as keywords and names of purposes are compared; looks at READ_MAX characters.

    Case, accents, look-alikes, invisible marks, punctuation, emoji, spaces and hyphens, repeats
    and courtesies make no difference: `"Please STOP!! stop 🛑"` folds to `stop`.
    """
    return spelling.compact(spelling.essential(text[:READ_MAX]))


class Matcher:
    """Matches texts against keywords, and the purposes that may be named beside them.

    `purposes` gives for each name of a purpose (its key, its label) the key. Where one word is
    both a stop and a start by mistake, it is a stop; where it is both a start and a yes, a start.
    """

    def __init__(self, keywords: Iterable[Keyword], purposes: Mapping[str, str]) -> None:
        known = [keyword for keyword in keywords if fold_text(keyword.word)]
        self._words = {
            action: {fold_text(item.word): item.word for item in known if item.action == action}
            for action in KeywordAction
        }
        self._purposes = _named(purposes)
        watched = [keyword.word for keyword in known if keyword.watch]
        self._watched = {_joined(spelling.words(word)): word for word in watched}
        self._watch = _anywhere(watched)

    def match(self, text: str) -> Match | None:
        """What the text asks for; None when it asks for nothing known here.

        As a whole a keyword, alone or beside the name of a purpose: STOP, START or CONFIRM. A
        watch word somewhere in it: WATCH. A word within a word counts for nothing (`nonstop`,
        `non-stop`).
        """
        return self._as_a_whole(text) or self._watched_word(text)

    def match_reply(self, payload: str | None, title: str | None) -> Match | None:
        """What a pressed button or chosen row asks for, by its payload or by its title.

        A stop in either wins over a start in the other; of two stops the payload's counts,
        which the business wrote to say what is stopped.
        """
        texts = [text for text in (payload, title) if text]
        whole = [match for match in map(self._as_a_whole, texts) if match]
        watched = (match for match in map(self._watched_word, texts) if match)
        stops = (match for match in whole if match.kind is MatchKind.STOP)
        return next(stops, None) or next(iter(whole), None) or next(watched, None)

    def _as_a_whole(self, text: str) -> Match | None:
        if len(text) > READ_MAX:
            return None
        parts = spelling.essential(text)
        if sum(map(len, parts)) > WHOLE_MAX:
            return None
        asked = (self._asked(action, parts) for action in KeywordAction)
        return next(filter(None, asked), None)

    def _asked(self, action: KeywordAction, parts: list[str]) -> Match | None:
        words, kind = self._words[action], MatchKind(action.value)
        whole = spelling.compact(parts)
        if whole in words:
            return Match(kind, None, words[whole])
        for word, name in _divided(parts):
            if word in words and name in self._purposes:
                return Match(kind, self._purposes[name], words[word])
        return None

    def _watched_word(self, text: str) -> Match | None:
        found = self._watch.search(spelling.words(text[:READ_MAX])) if self._watch else None
        if found is None:
            return None
        return Match(MatchKind.WATCH, None, self._watched[_joined(found[0])])


def _named(purposes: Mapping[str, str]) -> dict[str, str | None]:
    """Folded names of purposes and their keys, None for the root of all; own names come first."""
    keys = set(purposes.values())
    synonyms = {name: key for name, key in PURPOSE_SYNONYMS.items() if key in keys}
    names = {fold_text(name): key for name, key in {**synonyms, **purposes}.items()}
    return {name: None if key == ROOT_PURPOSE else key for name, key in names.items() if name}


def _divided(parts: list[str]) -> Iterator[tuple[str, str]]:
    """Each way to read the words as a keyword and a name, `stop marketing` or `Werbung stopp`."""
    for at in range(1, len(parts)):
        head, tail = spelling.compact(parts[:at]), spelling.compact(parts[at:])
        yield head, tail
        yield tail, head


def _joined(words: str) -> str:
    return words.replace("-", "").replace(" ", "")


def _anywhere(phrases: Iterable[str]) -> re.Pattern[str] | None:
    """Finds whole words; hyphens may stand within them or after them (`opt-out`, `stop-it`)."""
    folded = sorted((spelling.words(phrase) for phrase in phrases), key=len, reverse=True)
    forms = "|".join("[ -]?".join(map(re.escape, re.split("[ -]", form))) for form in folded)
    return re.compile(rf"(?<!\S)(?:{forms})(?=[\s-]|$)") if forms else None

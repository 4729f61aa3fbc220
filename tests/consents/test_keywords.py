"""Keywords: what reads as a stop is one however it is dressed, and nothing else is."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consents.keywords import (
    DEFAULT_KEYWORDS,
    READ_MAX,
    WHOLE_MAX,
    Keyword,
    Match,
    Matcher,
    MatchKind,
    fold_text,
)
from consents.vocabulary import KeywordAction

PURPOSES = {
    "all": "all",
    "service": "service",
    "utility": "utility",
    "marketing": "marketing",
    "order_updates": "order_updates",
    "News & offers": "news",
}
MATCHER = Matcher(DEFAULT_KEYWORDS, PURPOSES)
STOP_WORDS = [known.word for known in DEFAULT_KEYWORDS if known.action is KeywordAction.STOP]
START_WORDS = [known.word for known in DEFAULT_KEYWORDS if known.action is KeywordAction.START]
WATCHED_WORDS = [known.word for known in DEFAULT_KEYWORDS if known.watch]

unhurried = settings(deadline=None)


def asked(text: str) -> tuple[MatchKind, str | None] | None:
    match = MATCHER.match(text)
    return (match.kind, match.purpose) if match else None


STOP_ALL = (MatchKind.STOP, None)


# Stop and start


@pytest.mark.parametrize(
    "text", ["stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"]
)
def test_the_seven_words_of_the_rule_are_stops(text: str) -> None:
    assert asked(text) == STOP_ALL
    assert asked(text.upper()) == STOP_ALL


@pytest.mark.parametrize(
    "text",
    [
        "opt-out",
        "optout",
        "opt  out",
        "OPT OUT!!!",
        "Opt\u2011Out",
        "opt_out",
        '"STOP"',
        "“Stop”",
        "🛑 stop 🛑",
        "👉🏽STOP✋\ufe0f",
        "Stop.",
        "stop stop stop",
        "STOP!STOP!STOP!",
        "opt out, opt out",
        "please stop now",
        "STOP please stop",
        "STOP, thank you",
        "STOP ALL",
        "stopall",
        "\n\tStop\r\n",
        "S.T.O.P.",
        "st\u200bop",
        "\u202estop\u202c",
        "s\u00adtop",
        "ＳＴＯＰ",
        "𝐒𝐓𝐎𝐏",
        "ЅТОР",
        "UNSUBSCRİBE",
        "unsubscrıbe",
        "remove me",
        "bitte stopp",
        "Stopp, tack!",
        "DAR DE BAJA por favor",
        "no mas",
        "cancelar tudo agora",
        "ARRET SVP",
        "arrêter, s’il vous plaît",
        "désabonner",
        "Kündigen",
        "KUENDIGEN",
        "snälla avregistrera",
        "avsag",
    ],
)
def test_a_stop_however_dressed_is_a_stop_of_everything(text: str) -> None:
    assert asked(text) == STOP_ALL


@pytest.mark.parametrize("text", ["start", "START!", "unstop", "please subscribe", "Starta nu"])
def test_a_start_word_is_a_start(text: str) -> None:
    assert asked(text) == (MatchKind.START, None)


@pytest.mark.parametrize(
    "text", ["yes", "YES please", "sí", "si", "ja", "ja, tack", "oui !", "sim", "Ich bestätige"]
)
def test_a_yes_is_a_yes_and_no_start(text: str) -> None:
    assert asked(text) == (MatchKind.CONFIRM, None)


@pytest.mark.parametrize(
    "text",
    [
        *("ok", "OK!", "y", "volver", "voltar", "yes I do", "ja ja nein", "yesterday"),
        *("nonstop", "non-stop", "one-stop shop", "stopped", "unstoppable", "the endless end"),
        *("please", "all", "now", "", " ", "🛑", "!!!", "\x00", "\ud800", "hello"),
        *("stopp" * 40, "cancel my order", "weekend"),
    ],
)
def test_everything_else_asks_for_nothing(text: str) -> None:
    assert MATCHER.match(text) is None


dressing = st.sampled_from(
    ["", " ", "!", "...", '"', "🛑 ", "\u200b", " please ", " now ", " ALL ", "\n", " bitte ", "—"]
)


@unhurried
@given(st.sampled_from(STOP_WORDS), dressing, dressing, st.integers(1, 3), st.booleans())
def test_every_dressing_of_every_stop_word_is_a_stop(
    word: str, before: str, after: str, times: int, shout: bool
) -> None:
    text = before + " ".join([word] * times) + after
    assert asked(text.upper() if shout else text) == STOP_ALL


@unhurried
@given(st.sampled_from(START_WORDS), dressing, dressing)
def test_no_dressing_makes_a_stop_of_a_start_word(word: str, before: str, after: str) -> None:
    assert asked(before + word + after) == (MatchKind.START, None)


def test_each_default_spelling_stands_once_and_no_stop_is_a_start() -> None:
    folded = Counter(fold_text(known.word) for known in DEFAULT_KEYWORDS)
    assert [text for text, count in folded.items() if count > 1] == []
    assert all(folded)


def test_a_word_entered_as_stop_and_start_is_a_stop() -> None:
    both = [
        Keyword("pause", "en", KeywordAction.START),
        Keyword("Pause!", "en", KeywordAction.STOP),
    ]
    assert Matcher(both, {}).match("pause") == Match(MatchKind.STOP, None, "Pause!")


def test_a_match_names_the_keyword_as_staff_wrote_it() -> None:
    assert MATCHER.match("DESABONNER") == Match(MatchKind.STOP, None, "désabonner")


@pytest.mark.parametrize("word", ["СТОП", "डोंट रोको", "停止", "إيقاف", "중지", "หยุด"])
def test_staff_may_add_words_of_any_script(word: str) -> None:
    matcher = Matcher([Keyword(word, "xx", KeywordAction.STOP)], {})
    for text in (word, word.lower(), f"«{word}»!"):
        assert matcher.match(text) == Match(MatchKind.STOP, None, word)


def test_vowels_of_scripts_that_write_them_as_marks_make_different_words() -> None:
    assert fold_text("कि") != fold_text("कु")


@pytest.mark.parametrize("word", ["", "!!!", "🛑"])
def test_a_keyword_of_nothing_matches_nothing(word: str) -> None:
    matcher = Matcher([Keyword(word, "en", KeywordAction.STOP, watch=True)], {"": "marketing"})
    assert [matcher.match(text) for text in ("", "!!!", "🛑", "hello there")] == [None] * 4


# Purposes


@pytest.mark.parametrize(
    ("text", "purpose"),
    [
        ("STOP MARKETING", "marketing"),
        ("stop all marketing please", "marketing"),
        ("stop marketing, stop marketing", "marketing"),
        ("unsubscribe: order updates", "order_updates"),
        ("opt-out order_updates", "order_updates"),
        ("Stop News & Offers", "news"),
        ("Werbung stopp", "marketing"),
        ("Stop promotions", "marketing"),
        ("STOP NOTIFICATION", "utility"),
        ("stop all", None),
    ],
)
def test_a_stop_may_name_its_purpose(text: str, purpose: str | None) -> None:
    assert asked(text) == (MatchKind.STOP, purpose)


def test_a_start_may_name_its_purpose() -> None:
    assert asked("START MARKETING") == (MatchKind.START, "marketing")


def test_a_name_for_everything_is_a_stop_of_everything() -> None:
    matcher = Matcher(DEFAULT_KEYWORDS, {"Every message": "all"})
    assert matcher.match("stop every message") == Match(MatchKind.STOP, None, "stop")


def test_an_unknown_purpose_leaves_it_to_a_person() -> None:
    assert asked("stop gardening") == (MatchKind.WATCH, None)


def test_a_synonym_counts_only_where_its_purpose_exists() -> None:
    matcher = Matcher(DEFAULT_KEYWORDS, {"service": "service"})
    assert matcher.match("stop promotions") == Match(MatchKind.WATCH, None, "stop")


# Watch words


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("don't stop", "stop"),
        ("stop by the shop", "stop"),
        ("Non, stop!", "stop"),
        ("stop-it", "stop"),
        ("do not st\u200bop", "stop"),
        ("STOP START", "stop"),
        ("I want to opt-out of this", "opt out"),
        ("how do I optout?", "opt out"),
        ("Would you REMOVE   ME from the list", "remove me"),
        ("I revoke my consent", "revoke"),
        ("where can I unsubscribe?", "unsubscribe"),
        ("jag vill avregistrera mig", "avregistrera"),
    ],
)
def test_a_watch_word_inside_a_text_is_shown_to_a_person(text: str, keyword: str) -> None:
    assert MATCHER.match(text) == Match(MatchKind.WATCH, None, keyword)


@given(st.sampled_from(WATCHED_WORDS))
def test_a_watch_word_alone_is_a_stop_and_no_case_for_review(word: str) -> None:
    assert asked(word) == STOP_ALL
    assert asked(f"someone said {word} to me") == (MatchKind.WATCH, None)


def test_a_long_text_is_watched_in_its_beginning_and_is_no_keyword() -> None:
    assert asked("stop " + "x" * READ_MAX) == (MatchKind.WATCH, None)
    assert asked("x" * READ_MAX + " stop") is None
    assert asked("stop " * READ_MAX) == (MatchKind.WATCH, None)
    assert asked("stop" + "!" * 10_000_000) == (MatchKind.WATCH, None)


def test_a_text_longer_than_an_sms_is_no_keyword_even_if_somebody_enters_one() -> None:
    long, short = "x" * (WHOLE_MAX + 1), "x" * WHOLE_MAX
    words = [Keyword(word, "en", KeywordAction.STOP) for word in (long, short)]
    matcher = Matcher(words, {})
    assert matcher.match(long) is None
    assert matcher.match(short) == Match(MatchKind.STOP, None, short)


# Replies by button or list


@pytest.mark.parametrize(
    ("payload", "title", "expected"),
    [
        ("optout_all", "Stop messages", STOP_ALL),
        ("STOP", "Leave me alone", STOP_ALL),
        ("optout_marketing", "Stop", (MatchKind.STOP, "marketing")),
        ("btn_3", "Stop promotions", (MatchKind.STOP, "marketing")),
        ("btn_3", "Stop messages", (MatchKind.WATCH, None)),
        ("start", "Stop", STOP_ALL),
        ("subscribe", "Yes, please", (MatchKind.START, None)),
        (None, "STOP", STOP_ALL),
        ("stop", None, STOP_ALL),
        ("confirm", "Yes", (MatchKind.CONFIRM, None)),
        ("", "", None),
        (None, None, None),
    ],
)
def test_a_reply_counts_by_its_payload_or_its_title(
    payload: str | None, title: str | None, expected: tuple[MatchKind, str | None] | None
) -> None:
    match = MATCHER.match_reply(payload, title)
    assert (match and (match.kind, match.purpose)) == expected


# Folding


@unhurried
@given(st.text(max_size=60))
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold_text(text)
    assert fold_text(once) == once


@unhurried
@given(st.text(max_size=60))
def test_any_text_at_all_can_be_matched(text: str) -> None:
    match = MATCHER.match(text)
    assert match is None or match.keyword in {known.word for known in DEFAULT_KEYWORDS}

"""A file of people, answered row by row."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from consents import audiences, gate, verdicts
from consents.audiences import Audience, Question
from consents.errors import ConsentError
from consents.importing.files import CSV, NDJSON, Source
from consents.models import ChannelIdentity, Sender
from consents.verdicts import NAMES
from tests.consents.factories import (
    NUMBER,
    OTHER_NUMBER,
    MessageFactory,
    OptInFactory,
    StopFactory,
    british_number,
)

pytestmark = pytest.mark.django_db
VERDICT = ",".join(NAMES)
_OF_THE_MOMENT = ("as_of", "valid_for")
Ask = Callable[..., Audience]


@pytest.fixture
def ask(sender: Sender, tmp_path: Path) -> Ask:
    """An audience of this content, asked for marketing over WhatsApp."""

    def made(content: bytes, format: str = CSV, column: str = "identity", **how: Any) -> Audience:
        path = tmp_path / "audience"
        path.write_bytes(content)
        question = Question(sender, how.pop("channel", "WHATSAPP"), "marketing", column)
        return Audience(Source(path, format, **how), question)

    return made


def text(audience: Audience) -> str:
    return b"".join(audience.answered()).decode()


def table(answer: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer, newline=""), delimiter=delimiter))


def rows(audience: Audience) -> list[dict[str, str]]:
    return table(text(audience))


def reasons(audience: Audience) -> list[str]:
    return [row["reason"] for row in rows(audience)]


@pytest.fixture
def people(sender: Sender) -> list[str]:
    """Opted in, opted out, in a window, unknown, erased, unreadable, and the first one again."""
    OptInFactory()
    StopFactory(identity=OTHER_NUMBER)
    MessageFactory(identity=british_number(0))
    OptInFactory(identity=british_number(0))
    StopFactory(identity=british_number(1))
    ChannelIdentity.objects.filter(address=british_number(1)).update(address=None, lookup_key=None)
    unknown = british_number(2)
    return [NUMBER, OTHER_NUMBER, british_number(0), unknown, british_number(1), "x", f"+{NUMBER}"]


def expected(sender: Sender, identity: str) -> dict[str, Any]:
    return verdicts.fields(gate.check(sender, "WHATSAPP", identity, "marketing"))


def test_each_row_of_csv_has_the_verdict_that_the_gate_gives_alone(
    sender: Sender, ask: Ask, people: list[str]
) -> None:
    answer = rows(ask("".join(f"{one}\n" for one in ["identity", *people]).encode()))
    assert [row["identity"] for row in answer] == people
    for row, identity in zip(answer, people, strict=True):
        verdict = expected(sender, identity)
        assert list(row) == ["identity", *verdict]
        for name, value in verdict.items():
            if name not in _OF_THE_MOMENT:
                assert row[name] == as_cell(value)
        assert row["as_of"].endswith("Z")


def as_cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return {True: "true", False: "false", None: ""}.get(value, value)  # type: ignore[call-overload]


def test_each_line_of_ndjson_has_the_verdict_that_the_gate_gives_alone(
    sender: Sender, ask: Ask, people: list[str]
) -> None:
    given = [{"n": n, "who": {"name": "Åda"}, "identity": one} for n, one in enumerate(people)]
    answer = text(ask("".join(f"{json.dumps(one)}\n" for one in given).encode(), NDJSON))
    for one, line in zip(given, answer.splitlines(), strict=True):
        read = json.loads(line)
        verdict = expected(sender, str(one["identity"]))
        same = {name: read[name] for name in _OF_THE_MOMENT}
        assert list(read.items()) == list({**one, **verdict, **same}.items())
    assert "Åda" in answer


def test_counts_say_what_was_answered(ask: Ask, people: list[str]) -> None:
    content = ["identity", *people, "a,b"]
    audience = ask("".join(f"{one}\n" for one in content).encode())
    text(audience)
    assert audience.counts == {
        "allowed": 3,
        "opted_out": 2,
        "unknown_identity": 1,
        "invalid_identity": 2,
    }


# --- how the file is written


@pytest.mark.parametrize(
    ("content", "identities"),
    [
        (b"identity\r\n46732001122\r\n46732002244\r\n", [NUMBER, OTHER_NUMBER]),
        (b"\xef\xbb\xbfidentity\n46732001122\n", [NUMBER]),
        (b'\xef\xbb\xbf"identity"\n46732001122', [NUMBER]),
        (b"identity\n46732001122", [NUMBER]),
        (b"identity\n\n46732001122\n\r\n\n", [NUMBER]),
        (b'identity\n""\n46732001122\n', [NUMBER]),
        (b' identity \n"46732001122"\n', [NUMBER]),
        (b"identity\n46732001122\n46732001122\n", [NUMBER, NUMBER]),
        (b"identity\n", []),
        (b"identity", []),
    ],
)
def test_csv_is_read_however_it_is_written(ask: Ask, content: bytes, identities: list[str]) -> None:
    OptInFactory()
    OptInFactory(identity=OTHER_NUMBER)
    answer = text(ask(content))
    assert answer.splitlines()[0] == f"identity,{VERDICT}"
    assert [row["identity"] for row in table(answer)] == identities
    assert {row["allowed"] for row in table(answer)} <= {"true"}


def test_other_columns_come_back_as_they_were(ask: Ask) -> None:
    OptInFactory()
    cells = ['said "hi"', "a,b", "two\r\nlines\n", "", " spaced ", "=1+1", "Åda\u2028", "\0"]
    names = [f"column {n}" for n in range(len(cells))]
    sent = io.StringIO()
    csv.writer(sent).writerows([[*names, "identity"], [*cells, NUMBER], [*cells, "x"]])
    for row in rows(ask(sent.getvalue().encode())):
        assert [row[name] for name in names] == cells


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_another_delimiter_stands_in_the_answer_too(ask: Ask, delimiter: str) -> None:
    OptInFactory()
    sent = delimiter.join(["name", "identity"]) + "\n" + delimiter.join(["a,b", NUMBER]) + "\n"
    [row] = table(text(ask(sent.encode(), delimiter=delimiter)), delimiter)
    assert (row["name"], row["identity"], row["allowed"]) == ("a,b", NUMBER, "true")


def test_a_verdict_of_yesterday_gives_way_to_todays(ask: Ask) -> None:
    OptInFactory()
    first = text(ask(f"allowed,identity\nfalse,{NUMBER}\n".encode()))
    assert first.splitlines()[0] == f"identity,{VERDICT}"
    StopFactory()
    [row] = rows(ask(first.encode()))
    assert (row["allowed"], row["reason"]) == ("false", "opted_out")
    line = json.dumps({"identity": NUMBER, "allowed": True, "reason": None}).encode()
    answer = json.loads(text(ask(line, NDJSON)))
    assert (answer["allowed"], answer["reason"]) == (False, "opted_out")
    assert list(answer) == ["identity", *NAMES]


def test_columns_without_a_name_are_left_out(ask: Ask) -> None:
    OptInFactory()
    answer = text(ask(f"identity,\n{NUMBER},x\n".encode()))
    assert answer.splitlines()[0] == f"identity,{VERDICT}"
    assert [row["allowed"] for row in table(answer)] == ["true"]


def test_an_empty_file_of_ndjson_has_an_empty_answer(ask: Ask) -> None:
    assert text(ask(b"", NDJSON)) == ""
    assert text(ask(b"\n \n", NDJSON)) == ""


@pytest.mark.parametrize(
    "line", [b"{}", b'{"phone": "46732001122"}', b'{"identity": null}', b'{"identity": [1]}']
)
def test_an_object_without_a_readable_identity_is_answered(ask: Ask, line: bytes) -> None:
    answer = json.loads(text(ask(line + b"\n", NDJSON)))
    assert (answer["allowed"], answer["reason"]) == (False, "invalid_identity")
    assert answer.keys() >= json.loads(line).keys()


def test_a_number_is_an_identity_too(ask: Ask) -> None:
    OptInFactory()
    answer = json.loads(text(ask(b'{"identity": 46732001122}', NDJSON)))
    assert (answer["allowed"], answer["identity"]) == (True, 46732001122)


def test_what_json_can_say_and_utf8_cannot_comes_back_as_it_was(ask: Ask) -> None:
    OptInFactory()
    sent = b'{"name": "\\ud800\\u0000", "identity": "46732001122"}'
    answer = json.loads(text(ask(sent, NDJSON)))
    assert (answer["name"], answer["allowed"]) == ("\ud800\0", True)


# --- what cannot be read


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"x", "invalid_identity"),
        (b" ", "invalid_identity"),
        (b"123", "invalid_identity"),
        (b"46732001122,more", "wrong_number_of_cells"),
        (b"\xff\xfe", "not_utf8"),
        (b"467\xe52001122", "not_utf8"),
        (b'"467"32001122', "malformed_row"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_and_the_others_are_answered(
    ask: Ask, row: bytes, reason: str
) -> None:
    OptInFactory()
    sent = b"identity\n46732001122\n" + row + b"\n46732001122\n"
    answer = rows(ask(sent))
    assert [(one["allowed"], one["reason"]) for one in answer] == [
        *(("true", ""), ("false", reason), ("true", ""))
    ]


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"1", b"null", b'"x"', b'{"identity": NaN', b"\xff", b"[" * 10_000]
)
def test_a_line_that_is_no_object_is_refused_and_the_others_are_answered(
    ask: Ask, line: bytes
) -> None:
    OptInFactory()
    good = b'{"identity": "46732001122"}\n'
    answers = [
        json.loads(one) for one in text(ask(good + line + b"\n" + good, NDJSON)).splitlines()
    ]
    assert [answer["allowed"] for answer in answers] == [True, False, True]
    assert answers[1]["reason"] in ("malformed_json", "not_utf8")
    assert list(answers[1]) == list(NAMES)


@pytest.mark.parametrize("format", [CSV, NDJSON])
def test_a_line_that_never_ends_is_refused_in_bounded_memory(
    ask: Ask, tmp_path: Path, format: str
) -> None:
    OptInFactory()
    good = b"46732001122" if format == CSV else b'{"identity": "46732001122"}'
    heading = b"identity\n" if format == CSV else b""
    sent = heading + good + b"\n" + b"x" * 30_000_000 + b"\n" + good + b"\n"
    audience = ask(sent, format)
    tracemalloc.start()
    answer = text(audience)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 15_000_000
    assert audience.counts["allowed"] == 2
    assert audience.counts.total() == 3
    assert "x" * 100 not in answer


def test_a_quote_that_is_never_closed_swallows_nothing_in_silence(ask: Ask) -> None:
    OptInFactory()
    sent = b'identity\n46732001122\n"46732001122\n46732001122\n'
    answer = rows(ask(sent))
    assert [one["allowed"] for one in answer][:2] == ["true", "false"]
    assert all(one["allowed"] == "false" for one in answer[1:])


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "no_header"),
        (b"\n\n", "no_header"),
        (b"phone\n46732001122\n", "column_required"),
        (b"Identity\n46732001122\n", "column_required"),
        (b"identity;name\n", "column_required"),
        (b"identity,identity\n", "repeated_column"),
        ("identity\n".encode("utf-16"), None),
    ],
)
def test_a_file_that_cannot_be_asked_about_is_refused(
    ask: Ask, content: bytes, code: str | None
) -> None:
    with pytest.raises(ConsentError) as refused:
        ask(content)
    assert code in (None, refused.value.code)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (("FAX", "marketing", "identity"), "unknown_channel"),
        (("WHATSAPP", "astrology", "identity"), "unknown_purpose"),
        (("WHATSAPP", "all", "identity"), "purpose_not_askable"),
        (("WHATSAPP", "marketing", "reason"), "invalid_column"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    sender: Sender, asked: tuple[str, str, str], code: str
) -> None:
    with pytest.raises(ConsentError) as refused:
        Question(sender, *asked)
    assert refused.value.code == code


# --- piece by piece


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audiences, "CHUNK", 3)


def people_of(count: int) -> bytes:
    return b"identity\n" + b"".join(b"%s\n" % british_number(n).encode() for n in range(count))


def test_rows_are_answered_by_the_chunk_with_one_question_each(
    ask: Ask, small_chunks: None, django_assert_num_queries: Any
) -> None:
    for index in range(7):
        OptInFactory(identity=british_number(index))
    audience = ask(people_of(7))
    seen: list[int] = []
    pieces = audience.answered(seen.append)
    next(pieces)
    for taken in (3, 3, 1):
        with django_assert_num_queries(2):
            assert next(pieces).count(b"\n") == taken
    assert next(pieces, None) is None
    assert seen == sorted(seen)
    assert seen[-1] == len(people_of(7))


def test_a_stop_between_two_chunks_counts_in_the_later(ask: Ask, small_chunks: None) -> None:
    for index in range(6):
        OptInFactory(identity=british_number(index))
    pieces = ask(people_of(6)).answered()
    begun = list(islice(pieces, 2))
    for index in (0, 5):
        StopFactory(identity=british_number(index))
    answer = table(b"".join([*begun, *pieces]).decode())
    assert [row["allowed"] for row in answer] == [*["true"] * 5, "false"]


def test_memory_does_not_grow_with_the_file(
    ask: Ask, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    peaks = []
    for count in (30, 600):
        tracemalloc.start()
        for _ in ask(people_of(count)).answered():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5 + 100_000


def broken(pieces: Iterator[bytes], audience: Audience) -> str:
    answer = list(islice(pieces, 2))
    return b"".join([*answer, audience.broken_off("try_again", "Not now, sorry.")]).decode()


def test_an_answer_that_is_broken_off_says_so_in_its_last_row(ask: Ask, small_chunks: None) -> None:
    OptInFactory(identity=british_number(0))
    audience = ask(people_of(6))
    answer = table(broken(audience.answered(), audience))
    assert answer[-1]["identity"] == "#error Not now, sorry."
    assert (answer[-1]["allowed"], answer[-1]["reason"]) == ("false", "try_again")
    assert (answer[-1]["modes"], answer[-1]["event"], answer[-1]["as_of"]) == ("", "", "")


def test_an_answer_in_ndjson_that_is_broken_off_says_so_too(ask: Ask, small_chunks: None) -> None:
    audience = ask(b'{"identity": "46732001122"}\n' * 6, NDJSON)
    last = json.loads(broken(audience.answered(), audience).splitlines()[-1])
    assert last == {
        "allowed": False,
        "error": {"code": "try_again", "message": "Not now, sorry.", "field": None},
    }


def test_a_fault_of_the_database_is_not_taken_for_the_end(
    ask: Ask, small_chunks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces = ask(people_of(6)).answered()
    list(islice(pieces, 2))

    def fail(*args: object, **fields: object) -> None:
        raise OperationalError

    monkeypatch.setattr(audiences, "check_many", fail)
    with pytest.raises(OperationalError):
        next(pieces)

"""`audiences/check/`: a file of people asked about over the wire."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError

from consents import audiences
from consents.api.audiences import AudienceCheck
from tests.consents.api.caller import Caller, code_of, issue
from tests.consents.factories import (
    NUMBER,
    OptInFactory,
    SenderFactory,
    StopFactory,
    british_number,
)

pytestmark = pytest.mark.django_db
ASKED = {"channel": "whatsapp", "purpose": "marketing"}
CSV, NDJSON = "text/csv", "application/x-ndjson"
FILE = f"name,identity\nAda,{NUMBER}\nBob,{british_number(0)}\n".encode()


def check(
    api: Caller, content: bytes = FILE, kind: str = CSV, asked: Any = ASKED, **headers: str
) -> Any:
    path = f"audiences/check/?{urlencode(asked)}"
    return api.post(path, content, Content_Type=kind, **headers)


def rows(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))


def test_a_file_of_csv_comes_back_with_a_verdict_in_each_row(api: Caller) -> None:
    event = OptInFactory()
    answer = check(api)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
    first, second = rows(answer)
    assert (first["name"], first["identity"], first["allowed"]) == ("Ada", NUMBER, "true")
    assert (first["modes"], first["basis"], first["event"]) == ("template", "opt_in", str(event.id))
    assert (second["allowed"], second["reason"]) == ("false", "unknown_identity")


@pytest.mark.parametrize("kind", [NDJSON, "application/jsonl"])
def test_a_file_of_ndjson_comes_back_with_a_verdict_in_each_line(api: Caller, kind: str) -> None:
    StopFactory()
    answer = check(
        api, f'{{"id": 7, "phone": "+{NUMBER}"}}\n'.encode(), kind, {**ASKED, "column": "phone"}
    )
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, f"{kind}; charset=utf-8")
    [line] = answer.getvalue().splitlines()
    read = json.loads(line)
    assert (read["id"], read["allowed"], read["reason"]) == (7, False, "opted_out")


def test_another_delimiter_may_be_named(api: Caller) -> None:
    OptInFactory()
    for name, delimiter in [(";", ";"), ("|", "|"), ("tab", "\t"), (",", ",")]:
        asked = {**ASKED, "delimiter": name}
        answer = check(api, FILE.replace(b",", delimiter.encode()), asked=asked)
        heading = answer.getvalue().decode().splitlines()[0]
        assert heading.startswith(delimiter.join(["name", "identity", "allowed", "modes"]))


def test_the_answer_is_of_the_sender_that_is_named(sender: Any) -> None:
    OptInFactory(sender=SenderFactory(key="other"))
    both = issue("check", senders=["default", "other"])
    assert code_of(check(both)) == (400, "sender_required")
    allowed = {
        name: rows(check(both, asked={**ASKED, "sender": name}))[0]["allowed"]
        for name in ("default", "other")
    }
    assert allowed == {"default": "false", "other": "true"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"channel": None}, "channel_required"),
        ({"channel": ""}, "invalid_channel"),
        ({"channel": "FAX"}, "unknown_channel"),
        ({"purpose": None}, "purpose_required"),
        ({"purpose": "astrology"}, "unknown_purpose"),
        ({"purpose": "all"}, "purpose_not_askable"),
        ({"column": "phone"}, "column_required"),
        ({"column": "reason"}, "invalid_column"),
        ({"column": "a\0"}, "invalid_column"),
        ({"delimiter": "x"}, "unknown_delimiter"),
        ({"delimiter": '"'}, "unknown_delimiter"),
        ({"delimiter": ";"}, "column_required"),
        ({"format": "csv"}, "unknown_parameter"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    api: Caller, change: dict[str, str | None], code: str
) -> None:
    asked = {name: value for name, value in {**ASKED, **change}.items() if value is not None}
    assert code_of(check(api, asked=asked)) == (400, code)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\n", "no_header"),
        (b"phone\n", "column_required"),
        (b"identity,identity\n", "repeated_column"),
    ],
)
def test_a_file_that_cannot_be_asked_about_is_refused_before_anything_is_answered(
    api: Caller, content: bytes, code: str
) -> None:
    assert code_of(check(api, content)) == (400, code)


@pytest.mark.parametrize(
    "kind",
    ["application/json", "", "text/plain", "text/csv; charset=latin-1", "multipart/form-data"],
)
def test_a_file_of_another_kind_is_refused(api: Caller, kind: str) -> None:
    assert code_of(check(api, kind=kind)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("said", ["charset=UTF-8", 'charset="utf8"', "header=present"])
def test_utf8_may_be_said_in_several_ways(api: Caller, said: str) -> None:
    assert check(api, kind=f"text/csv; {said}").status_code == 200


def test_who_may_not_ask_is_refused_before_the_file_is_taken_in(
    sender: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", None)
    assert code_of(check(issue("record", "read", "manage"))) == (403, "scope_missing")
    assert code_of(check(Caller("ob_nobody_x"))) == (401, "invalid_key")
    assert code_of(check(issue(), asked={**ASKED, "purpose": "all"})) == (
        400,
        "purpose_not_askable",
    )


def test_a_file_has_a_limit(api: Caller, settings: Any) -> None:
    settings.API_FILE_MAX = len(FILE)
    assert check(api).status_code == 200
    settings.API_FILE_MAX = len(FILE) - 1
    assert code_of(check(api)) == (413, "body_too_large")


def test_a_file_may_be_larger_than_other_bodies(api: Caller, settings: Any) -> None:
    settings.API_BODY_MAX = settings.API_BULK_BODY_MAX = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = check(api, FILE + b"Eve,x\n" * 100_000)
    assert len(rows(answer)) == 100_002


def test_where_there_is_no_room_for_it_the_answer_says_so(
    api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, content: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    assert code_of(check(api)) == (507, "no_room")


def test_a_file_that_broke_off_is_not_taken_for_the_whole(api: Caller) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": urlencode(ASKED),
        "CONTENT_TYPE": CSV,
        "CONTENT_LENGTH": str(len(FILE) + 1),
        "HTTP_AUTHORIZATION": f"Bearer {api.key}",
        "wsgi.input": io.BytesIO(FILE),
    }
    answer = AudienceCheck.as_view()(WSGIRequest(environ))
    assert (answer.status_code, answer.data["error"]["code"]) == (400, "incomplete_body")


def test_a_file_in_chunks_is_taken_in_whole(api: Caller) -> None:
    OptInFactory()
    environ = {
        "REQUEST_METHOD": "POST",
        "QUERY_STRING": urlencode(ASKED),
        "CONTENT_TYPE": CSV,
        "HTTP_TRANSFER_ENCODING": "chunked",
        "HTTP_AUTHORIZATION": f"Bearer {api.key}",
        "wsgi.input": io.BytesIO(FILE),
        "wsgi.input_terminated": True,
    }
    answer = AudienceCheck.as_view()(WSGIRequest(environ))
    assert [row["allowed"] for row in rows(answer)] == ["true", "false"]


def test_the_file_is_gone_when_it_is_answered(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    make = tempfile.TemporaryFile
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: made.append(make()) or made[-1])
    pieces = check(api).streaming_content
    next(pieces)
    assert not made[0].closed
    assert Path(f"/dev/fd/{made[0].fileno()}").stat().st_nlink == 0
    list(pieces)
    assert made[0].closed
    answer = check(api)
    next(answer.streaming_content)
    answer.close()
    assert made[1].closed


@pytest.mark.parametrize(
    ("error", "code"),
    [(OperationalError("gone"), "try_again"), (RuntimeError(NUMBER), "internal_error")],
)
@pytest.mark.parametrize("kind", [CSV, NDJSON])
def test_an_answer_that_cannot_be_finished_says_so_in_its_last_row(
    api: Caller, monkeypatch: pytest.MonkeyPatch, kind: str, error: Exception, code: str
) -> None:
    monkeypatch.setattr(audiences, "CHUNK", 1)
    asked = audiences.check_many
    calls: list[object] = []

    def once(*args: Any, **fields: Any) -> Any:
        calls.append(args)
        if len(calls) > 1:
            raise error
        return asked(*args, **fields)

    monkeypatch.setattr(audiences, "check_many", once)
    file = FILE if kind == CSV else b'{"identity": "x"}\n' * 3
    answer = check(api, file, kind)
    assert answer.status_code == 200
    if kind == CSV:
        first, last = rows(answer)
        assert (first["reason"], last["reason"], last["allowed"]) == (
            *("unknown_identity", code),
            "false",
        )
        assert last["name"].startswith("#error ")
        assert last["identity"] == ""
    else:
        _, last = (json.loads(line) for line in answer.getvalue().splitlines())
        assert (last["allowed"], last["error"]["code"]) == (False, code)
    assert NUMBER not in answer.getvalue().decode().replace(FILE.decode(), "")


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_other_methods_are_not_there(api: Caller, method: str) -> None:
    headers = {"Authorization": f"Bearer {api.key}"}
    answer = getattr(api.client, method)("/api/v1/audiences/check/", headers=headers)
    assert code_of(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST, OPTIONS"

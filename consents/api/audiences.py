"""`audiences/check/`: asks the gate about everybody in a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from django.conf import settings
from django.http import HttpRequest, StreamingHttpResponse, UnreadablePostError
from rest_framework.request import Request

from consents.api import errors, parsing, schema
from consents.api.door import Door
from consents.api.errors import ApiError
from consents.audiences import Audience, Question
from consents.importing.files import CSV, NDJSON, Source
from consents.vocabulary import Scope

_FORMATS: Final = {
    "text/csv": CSV,
    "application/x-ndjson": NDJSON,
    "application/jsonl": NDJSON,
}
_DELIMITERS: Final = {",": ",", ";": ";", "|": "|", "tab": "\t"}
_DELIMITER: Final = {"type": "string", "enum": [*_DELIMITERS]}


class AudienceCheck(Door):
    scopes = {"POST": Scope.CHECK}

    @schema.describe(
        "check_audience",
        {},
        files=_FORMATS,
        parameters=[
            schema.query("sender", "May be left out where the key has only one."),
            schema.query("channel", required=True),
            schema.query("purpose", required=True),
            schema.query("column", "Which one holds people's identities; else identity."),
            schema.query("delimiter", "Of CSV; else a comma.", schema=_DELIMITER),
        ],
    )
    def post(self, request: Request) -> StreamingHttpResponse:
        """May this be sent, now, to each of the people in this file?

        The file is CSV with a header, or NDJSON, in UTF-8. It is answered as a stream in the same
        format: each row as it came, in the same order, with the fields of the verdict behind it.
        A row without a verdict means no. An answer that cannot be finished ends with a row that
        says so: its first cell begins with `#error`, or it is an object with `error`.
        """
        query = self.query("sender", "channel", "purpose", "column", "delimiter")
        question = Question(
            self.sender(query),
            query.required_text("channel"),
            query.required_text("purpose"),
            query.text("column") or "identity",
        )
        delimiter = _DELIMITERS[query.word("delimiter", _DELIMITERS) or ","]
        media_type, format = _format(self.request._request)
        file = _taken_in(self.request._request)
        # As long as it is open, a file without a name has this path.
        source = Source(Path(f"/dev/fd/{file.fileno()}"), format, delimiter)
        answer = _answered(Audience(source, question), file)
        return StreamingHttpResponse(answer, content_type=f"{media_type}; charset=utf-8")


def _format(request: HttpRequest) -> tuple[str, str]:
    """The media type of the body, and what it is here. Raises ApiError 415."""
    media_type = request.content_type or ""
    if media_type not in _FORMATS or not parsing.is_utf8(request):
        types = " or ".join(_FORMATS)
        raise ApiError(415, "unsupported_media_type", f"Send {types}, in UTF-8.")
    return media_type, _FORMATS[media_type]


def _taken_in(request: HttpRequest) -> IO[bytes]:
    """The body, whole, in a file without a name: it is gone whenever this process is.

    Most programs send all of their file before they read any of the answer. One that was answered
    while it sends would wait for us as we wait for it, as soon as the buffers between are full.
    """
    file = tempfile.TemporaryFile()  # noqa: SIM115 - read on after this has returned
    try:
        for piece in parsing.pieces(request, settings.API_FILE_MAX):
            file.write(piece)
        file.flush()
    except UnreadablePostError:
        raise
    except OSError:
        raise ApiError(507, "no_room", "There is no room for this file now.") from None
    return file


def _answered(audience: Audience, file: IO[bytes]) -> Iterator[bytes]:
    with file:
        try:
            yield from audience.answered()
        except Exception as error:
            # The status has been sent already, so the answer itself must say it.
            told = errors.answer(error, {}).data["error"]
            yield audience.broken_off(told["code"], told["message"])

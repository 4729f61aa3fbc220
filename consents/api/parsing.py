"""Reads bodies: bounded before a byte is parsed, and strictly JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from django.http import HttpRequest

from consents import strict_json
from consents.api.errors import ApiError

_PIECE: Final = 256 * 1024
_UTF8: Final = frozenset({"", "utf-8", "utf8"})


def read_body(request: HttpRequest, limit: int, *, is_typed: bool = True) -> bytes:
    """The body, of at most `limit` bytes. Raises ApiError 400, 411, 413 and 415.

    `is_typed`: it must be declared as JSON in UTF-8.
    """
    if _length(request) == 0 and not _is_chunked(request):
        return b""
    if is_typed:
        _check_media_type(request)
    return b"".join(pieces(request, limit))


def pieces(request: HttpRequest, limit: int) -> Iterator[bytes]:
    """The body as it comes in, of at most `limit` bytes. Raises ApiError 400, 411 and 413."""
    length = _length(request)
    if length > limit:
        raise _too_large(limit)
    read = _reader(request)
    taken = 0
    while piece := read(min(_PIECE, limit + 1 - taken)):
        taken += len(piece)
        if taken > limit:
            raise _too_large(limit)
        yield piece
    if taken < length:
        raise ApiError(400, "incomplete_body", "The body is shorter than its Content-Length.")


def parse_object(content: bytes) -> dict[str, Any]:
    """The JSON object that the bytes are. Raises ApiError 400 for anything else."""
    try:
        value = strict_json.read(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ApiError(400, "malformed_json", "The body is not in UTF-8.") from None
    except strict_json.MalformedError as malformed:
        raise ApiError(400, "malformed_json", str(malformed)) from None
    if not isinstance(value, dict):
        raise ApiError(400, "malformed_json", "The body is not a JSON object.")
    return value


def is_utf8(request: HttpRequest) -> bool:
    """Whether the body is declared to be in UTF-8, which it is where nothing is said."""
    charset = (request.content_params or {}).get("charset", "")
    return charset.strip('"').lower() in _UTF8


def _check_media_type(request: HttpRequest) -> None:
    if request.content_type != "application/json" or not is_utf8(request):
        raise ApiError(
            415, "unsupported_media_type", "Send JSON in UTF-8, as Content-Type application/json."
        )


def _is_chunked(request: HttpRequest) -> bool:
    return "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()


def _length(request: HttpRequest) -> int:
    return int(request.META.get("CONTENT_LENGTH") or 0)


def _reader(request: HttpRequest) -> Callable[[int], bytes]:
    if not _is_chunked(request):
        return request.read
    # Without a length only a server that marks the end of a body can hand it over.
    if not request.META.get("wsgi.input_terminated"):
        raise ApiError(411, "length_required", "Send the body with a Content-Length.")
    read: Callable[[int], bytes] = request.META["wsgi.input"].read
    return read


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "body_too_large", f"A body here has at most {limit} bytes.")

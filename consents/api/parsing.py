"""Reads bodies: bounded before a byte is parsed, and strictly JSON."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest

from consents import strict_json
from consents.api.errors import ApiError

_UTF8: Final = frozenset({"", "utf-8", "utf8"})


def read_body(request: HttpRequest, limit: int, *, is_typed: bool = True) -> bytes:
    """The body, of at most `limit` bytes. Raises ApiError 400, 411, 413 and 415.

    `is_typed`: it must be declared as JSON in UTF-8.
    """
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length == 0 and not _is_chunked(request):
        return b""
    if is_typed:
        _check_media_type(request)
    if length > limit:
        raise _too_large(limit)
    content = _chunked(request, limit) if _is_chunked(request) else request.read(limit + 1)
    if len(content) > limit:
        raise _too_large(limit)
    if len(content) < length:
        raise ApiError(400, "incomplete_body", "The body is shorter than its Content-Length.")
    return bytes(content)


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


def _check_media_type(request: HttpRequest) -> None:
    charset = (request.content_params or {}).get("charset", "").strip('"').lower()
    if request.content_type != "application/json" or charset not in _UTF8:
        raise ApiError(
            415, "unsupported_media_type", "Send JSON in UTF-8, as Content-Type application/json."
        )


def _is_chunked(request: HttpRequest) -> bool:
    return "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()


def _chunked(request: HttpRequest, limit: int) -> bytes:
    """A body without a length, which only a server that marks its end can hand over."""
    if not request.META.get("wsgi.input_terminated"):
        raise ApiError(411, "length_required", "Send the body with a Content-Length.")
    content = bytearray()
    while len(content) <= limit:
        chunk = request.META["wsgi.input"].read(limit + 1 - len(content))
        if not chunk:
            break
        content += chunk
    return bytes(content)


def _too_large(limit: int) -> ApiError:
    return ApiError(413, "body_too_large", f"A body here has at most {limit} bytes.")

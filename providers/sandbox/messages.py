"""HTTP/1.1 as bytes: a request read from a stream, an answer written out."""

from collections.abc import Callable
from http import HTTPStatus
from io import BufferedIOBase
from urllib.parse import parse_qsl

from .exchange import Answer, Request, json_answer

LONGEST_LINE = 16_384
MOST_HEADERS = 100
LONGEST_BODY = 32 * 1024 * 1024


class BadRequestError(Exception):
    """The bytes are no request that can be answered and followed by another."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = json_answer(status, {"error": {"code": status, "message": message}})


def read_request(stream: BufferedIOBase, invite_body: Callable[[], None]) -> Request | None:
    """The next request, None at the end of the stream. BadRequestError: no way to go on."""
    line = _read_line(stream)
    if not line:
        return None
    parts = line.split()
    if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
        raise BadRequestError(400, "no HTTP/1 request line")
    headers = _read_headers(stream)
    if parts[2] == "HTTP/1.0":
        headers.setdefault("connection", "close")
    path, _, question = parts[1].partition("?")
    query = dict(parse_qsl(question, keep_blank_values=True))
    return Request(parts[0], path, query, headers, _read_body(stream, headers, invite_body))


def _read_line(stream: BufferedIOBase) -> str:
    line = stream.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise BadRequestError(431, "a line is too long")
    return line.decode("latin-1").strip()


def _read_headers(stream: BufferedIOBase) -> dict[str, str]:
    headers: dict[str, str] = {}
    while line := _read_line(stream):
        name, colon, value = line.partition(":")
        if not colon or len(headers) >= MOST_HEADERS:
            raise BadRequestError(400, "unreadable headers")
        headers[name.lower()] = value.strip()
    return headers


def _read_body(
    stream: BufferedIOBase, headers: dict[str, str], invite_body: Callable[[], None]
) -> bytes:
    if "transfer-encoding" in headers:
        raise BadRequestError(411, "a body must come with its Content-Length")
    length = headers.get("content-length", "0")
    if not length.isascii() or not length.isdigit():
        raise BadRequestError(400, "unreadable Content-Length")
    if int(length) > LONGEST_BODY:
        raise BadRequestError(413, "the body is too long")
    if headers.get("expect", "").lower() == "100-continue":
        invite_body()
    body = stream.read(int(length)) if int(length) else b""
    if len(body) < int(length):
        raise BadRequestError(400, "the body ended early")
    return body


def encode(answer: Answer, keep_alive: bool) -> bytes:
    """The whole answer in one piece, so that it leaves in one packet."""
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}"]
    if answer.body:
        lines.append(f"Content-Type: {answer.content_type}")
    if answer.status not in (204, 304):
        lines.append(f"Content-Length: {len(answer.body)}")
    lines += [f"{name}: {value}" for name, value in answer.headers]
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    head = "\r\n".join(lines).encode("latin-1", "replace")
    body = b"" if answer.status in (204, 304) else answer.body
    return head + b"\r\n\r\n" + body

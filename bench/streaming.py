"""A long body sent to the web server while the answer is read: neither is ever held whole."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

PATIENCE = 120.0
"""Seconds without a byte after which it is given up."""

_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Streamed:
    """`lines`: how many the answer had. `start`: its first bytes, for who wonders what it was."""

    status: int
    lines: int
    start: bytes


def upload(port: int, path: str, headers: dict[str, str], body: Iterable[bytes]) -> Streamed:
    """POST `body` and count the lines of what comes back. `headers` say how long the body is."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        sender = Thread(target=_send, args=(connection, _head(path, headers), body), daemon=True)
        sender.start()
        answer = http.client.HTTPResponse(connection, method="POST")
        answer.begin()
        start = chunk = answer.read(_CHUNK)
        lines = 0
        while chunk:
            lines += chunk.count(b"\n")
            chunk = answer.read(_CHUNK)
        return Streamed(answer.status, lines, start[:500])


def _head(path: str, headers: dict[str, str]) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _send(connection: socket.socket, head: bytes, body: Iterable[bytes]) -> None:
    # A server that has refused closes without reading on; its answer says why.
    with suppress(OSError):
        connection.sendall(head)
        for part in body:
            connection.sendall(part)

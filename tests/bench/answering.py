"""A server on the loopback that answers each request as a test wants."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import BinaryIO

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Answering:
    """`requests`: the head of each request, with its body, as they came."""

    port: int
    requests: list[bytes] = field(default_factory=list)


@contextmanager
def answering(*answer: bytes) -> Iterator[Answering]:
    """Sends the pieces one by one for every request; without any, closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = Answering(server.getsockname()[1])
        threading.Thread(target=_accept, args=(server, made, answer), daemon=True).start()
        yield made
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, made: Answering, answer: tuple[bytes, ...]) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_serve, args=(connection, made, answer), daemon=True).start()


def _serve(connection: socket.socket, made: Answering, answer: tuple[bytes, ...]) -> None:
    with suppress(OSError), connection, connection.makefile("rb") as received:
        while request := _request(received):
            made.requests.append(request)
            if not answer:
                return
            for piece in answer:
                connection.sendall(piece)


def _request(received: BinaryIO) -> bytes:
    head = b""
    while line := received.readline():
        head += line
        if line == b"\r\n":
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            return head + received.read(length)
    return b""

"""Puts a web server under load from one thread, which costs some 60 microseconds a request.

Requests are whole bytes made beforehand, and of an answer only status and length are read, so that
what is measured is the server. Floor and product are met by the same generator.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field

from bench.rounds import quantile

PATIENCE = 60.0
"""Seconds without any answer after which it is given up."""

_CHUNK = 256 * 1024


class UnfitError(Exception):
    """What was measured did not work as it should: its figure would mean nothing."""


@dataclass(slots=True)
class Load:
    """What came of it. `seconds`: from the first request to the last answer.

    `latencies` in seconds, of every answer. `busy`: the share of one core that the generator took.
    """

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    busy: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def milliseconds(self, share: float) -> float:
        """The latency that `share` (0 to 1) of the answers kept to."""
        return 1000 * quantile(self.latencies, share)


def apply(
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    seconds: float,
    per_second: float | None = None,
    status: int = 200,
) -> Load:
    """Send from `requests` for so long over so many kept connections of the loopback.

    Each connection has one request under way. `per_second`: a steady pace, whatever the answers
    take, as long as some connection is free; a latency then counts from when its request was due.
    Raises UnfitError when an answer has another status or does not come.
    """
    begun = time.process_time()
    with ExitStack() as stack:
        try:
            free = [stack.enter_context(closing(_Connection(port))) for _ in range(connections)]
            load = _Run(requests, seconds, per_second, status).through(free)
        except OSError as error:
            raise UnfitError(f"the server broke a connection ({type(error).__name__})") from None
    if not load.latencies:
        raise UnfitError("no answer came")
    load.busy = (time.process_time() - begun) / load.seconds
    return load


def get(path: str, key: str) -> bytes:
    return _request("GET", path, key, b"")


def post(path: str, key: str, body: bytes) -> bytes:
    return _request("POST", path, key, body, "Content-Type: application/json\r\n")


def _request(method: str, path: str, key: str, body: bytes, more: str = "") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection:
    """One request at a time. `due`: when the present one should have gone out."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._received = bytearray()
        self._needed = 0

    def close(self) -> None:
        self.socket.close()

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Read what has come: the answer's status, once it is whole."""
        data = self.socket.recv(_CHUNK)
        if not data:
            raise UnfitError("the server closed a connection instead of answering")
        self._received += data
        self._needed = self._needed or self._whole_length()
        if not self._needed or len(self._received) < self._needed:
            return None
        status = int(self._received[9:12])
        self._received.clear()
        self._needed = 0
        return status

    def _whole_length(self) -> int:
        """Of head and body; 0 while the head is not there."""
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return 0
        _, found, rest = self._received[:end].lower().partition(b"\r\ncontent-length:")
        if not found:
            raise UnfitError("an answer did not say how long it is")
        return end + 4 + int(rest.split(b"\r\n", 1)[0])


class _Run:
    """The requests, the clock and the tally of one load."""

    def __init__(
        self, requests: Iterator[bytes], seconds: float, per_second: float | None, status: int
    ) -> None:
        self._load = Load()
        self._requests = requests
        self._seconds = seconds
        self._status = status
        self._interval = 1 / per_second if per_second else 0.0
        self._sent = 0
        self._is_over = False

    def through(self, connections: Sequence[_Connection]) -> Load:
        free, flying = deque(connections), 0
        self._begun = time.perf_counter()
        with selectors.DefaultSelector() as selector:
            for connection in connections:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            while True:
                flying += self._send(free)
                if self._is_over and not flying:
                    return self._load
                ready = selector.select(self._patience(free))
                if not ready and (self._is_over or not free):
                    raise UnfitError(f"no answer came for {PATIENCE:.0f} s")
                for key, _ in ready:
                    flying -= self._receive(key.data, free)

    def _send(self, free: deque[_Connection]) -> int:
        """Send what is due as far as connections are free; how many that were."""
        sent = 0
        while free and not self._is_over:
            now = time.perf_counter()
            due = self._due(now)
            if due > now:
                break
            request = next(self._requests, None) if now - self._begun < self._seconds else None
            if request is None:
                self._is_over = True
                break
            # In turns: a server closes what it does not hear of for long.
            free.popleft().send(request, due)
            self._sent += 1
            sent += 1
        return sent

    def _due(self, now: float) -> float:
        return self._begun + self._sent * self._interval if self._interval else now

    def _patience(self, free: deque[_Connection]) -> float:
        """How long to wait for an answer: until the next request is due, if it can be sent."""
        if self._is_over or not free:
            return PATIENCE
        now = time.perf_counter()
        return max(0.0, self._due(now) - now)

    def _receive(self, connection: _Connection, free: deque[_Connection]) -> bool:
        """Whether this connection's answer is whole now."""
        status = connection.receive()
        if status is None:
            return False
        if status != self._status:
            raise UnfitError(f"an answer had the status {status}")
        now = time.perf_counter()
        self._load.latencies.append(now - connection.due)
        self._load.seconds = now - self._begun
        free.append(connection)
        return True

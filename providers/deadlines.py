"""Connections that keep to one deadline over a whole HTTP call.

A socket's own time-out starts again with every byte that arrives, so a peer that sends one byte
a second holds its caller for ever. Here an alarm shuts the socket down when the call's time is
over, whatever the call is doing: TLS, headers or body. Only looking up a name cannot be cut; that
runs in a thread of its own, which the caller leaves behind.
"""

from __future__ import annotations

import contextlib
import heapq
import ipaddress
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from enum import StrEnum
from functools import lru_cache
from http.client import HTTPResponse, IncompleteRead
from io import BufferedReader
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

CONNECT_SECONDS = 3.0

AddressInfo = tuple[Any, ...]

Vet = Callable[[str], bool]
"""Whether this IP address may be connected to."""


class Stage(StrEnum):
    """How far a call has come. Nothing reaches the provider before EXCHANGING."""

    PREPARING = "preparing"
    RESOLVING = "resolving"
    VETTING = "vetting"
    CONNECTING = "connecting"
    SECURING = "securing"
    EXCHANGING = "exchanging"


class Call:
    """One HTTP call under way. Times are of the monotonic clock, in seconds."""

    def __init__(self, deadline: float, vet: Vet | None = None) -> None:
        self.deadline = deadline
        self.vet = vet
        self.stage = Stage.PREPARING
        self.reused = False
        self.expired = False
        self.is_over = False
        self._lifeline: socket.socket | None = None
        self._lock = threading.Lock()

    def remaining(self) -> float:
        return self.deadline - time.monotonic()

    def follow(self, sock: socket.socket) -> None:
        """Remember the connection to cut.

        A duplicate of its descriptor, because TLS takes the plain socket's away in mid-handshake.
        """
        with self._lock:
            self._drop()
            self._lifeline = socket.socket(fileno=os.dup(sock.fileno()))
            if self.expired:
                self._shut()

    @contextlib.contextmanager
    def watched(self) -> Iterator[Call]:
        """Make this the thread's current call, and cut it when its time is over."""
        token = _current.set(self)
        _alarm().set_for(self)
        try:
            yield self
        finally:
            _current.reset(token)
            with self._lock:
                self.is_over = True
                self._drop()

    def expire(self) -> None:
        """Its time is over: break it off, unless it has ended."""
        with self._lock:
            if not self.is_over:
                self.expired = True
                self._shut()

    def _shut(self) -> None:
        if self._lifeline is not None:
            with contextlib.suppress(OSError):
                self._lifeline.shutdown(socket.SHUT_RDWR)

    def _drop(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()
            self._lifeline = None


_current: ContextVar[Call] = ContextVar("call")


class _Alarm:
    """One thread that expires calls: one of its own for each costs as much as sending it."""

    def __init__(self) -> None:
        self._calls: list[tuple[float, int, Call]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="deadlines", daemon=True).start()

    def set_for(self, call: Call) -> None:
        with self._changed:
            heapq.heappush(self._calls, (call.deadline, id(call), call))
            if self._calls[0][2] is call:
                self._changed.notify()

    def _run(self) -> None:
        while True:
            self._next().expire()

    def _next(self) -> Call:
        """The call whose time is over first, once it is; those that have ended are forgotten."""
        with self._changed:
            while True:
                while self._calls and self._calls[0][2].is_over:
                    heapq.heappop(self._calls)
                seconds = self._calls[0][0] - time.monotonic() if self._calls else None
                if seconds is not None and seconds <= 0:
                    return heapq.heappop(self._calls)[2]
                self._changed.wait(seconds)


@lru_cache(maxsize=1)
def _alarm() -> _Alarm:
    return _Alarm()


# A child has none of its parent's threads.
os.register_at_fork(after_in_child=_alarm.cache_clear)


class WholeHeaders(HTTPResponse):
    """An answer whose headers came to their end.

    The standard library takes one that breaks off inside them for an answer without a body.
    """

    def begin(self) -> None:
        if self.headers is not None:
            return
        source = self.fp
        lines = _Lines(source)
        self.fp = lines
        try:
            super().begin()
        finally:
            if self.fp is lines:
                self.fp = source
        if lines.last not in {b"\r\n", b"\n"}:
            raise IncompleteRead(b"")


class _Lines:
    """Reads lines and remembers the last."""

    def __init__(self, source: BufferedReader) -> None:
        self._source = source
        self.last = b""

    def readline(self, limit: int = -1) -> bytes:
        self.last = self._source.readline(limit)
        return self.last

    def close(self) -> None:
        self._source.close()


class DeadlineConnection(HTTPConnection):
    """An HTTP connection that tells the current call where it is."""

    response_class = WholeHeaders

    def _new_conn(self) -> socket.socket:
        call = _current.get()
        call.stage = Stage.RESOLVING
        addresses = _resolve(self._dns_host.strip("[]"), self.port or 0, call.remaining())
        call.stage = Stage.VETTING
        _vet(addresses, call.vet)
        call.stage = Stage.CONNECTING
        sock = _connect(addresses, call, self.socket_options or ())
        call.follow(sock)
        call.stage = Stage.SECURING
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None and _current.get().stage is Stage.PREPARING:
            _current.get().reused = True
            _current.get().follow(self.sock)
        super().request(*args, **kwargs)

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        _current.get().stage = Stage.EXCHANGING
        super().send(data)


class DeadlineSecureConnection(DeadlineConnection, HTTPSConnection):
    """The same over TLS."""


class DeadlinePool(HTTPConnectionPool):
    ConnectionCls = DeadlineConnection


class DeadlineSecurePool(HTTPSConnectionPool):
    ConnectionCls = DeadlineSecureConnection


def _resolve(host: str, port: int, seconds: float) -> list[AddressInfo]:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found: queue.SimpleQueue[list[AddressInfo]] = queue.SimpleQueue()

    def look_up() -> None:
        addresses: list[AddressInfo] = []
        with contextlib.suppress(OSError, UnicodeError):
            addresses = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        found.put(addresses)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        return found.get(timeout=max(seconds, 0))
    except queue.Empty:
        raise TimeoutError("The name was not looked up in time.") from None


def _vet(addresses: list[AddressInfo], vet: Vet | None) -> None:
    """One that may not be connected to condemns them all: whoever names it means no good.

    What passed is what is connected to, so a name that is answered otherwise the next time gains
    nothing.
    """
    if vet and not all(vet(str(address[0])) for *_, address in addresses):
        raise ConnectionRefusedError("An address of the host may not be connected to.")


def _connect(addresses: list[AddressInfo], call: Call, options: Any) -> socket.socket:
    for family, kind, protocol, _, address in addresses:
        patience = min(CONNECT_SECONDS, call.remaining())
        if patience <= 0:
            raise TimeoutError("No time was left to connect.")
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            sock.settimeout(patience)
            sock.connect(address)
        except OSError:
            sock.close()
        else:
            return sock
    raise ConnectionError("No address of the host took the connection.")

"""A provider on this machine that answers what a test scripts, and accounts at the sandbox."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from consents.defaults import DEFAULT_SENDER, ensure_defaults
from consents.models import Sender
from providers import registry
from providers.models import ProviderAccount
from tests.providers.callback_examples import listening
from tests.providers.factories import AccountFactory
from tests.providers.sandbox_fixture import RunningSandbox
from tests.providers.sandbox_fixture import sandbox as sandbox

# How long a silent server holds a connection at most, if a test forgets to release it.
PATIENCE = 5.0


@dataclass
class Received:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: tuple[str, int]

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A caller that hangs up is what many tests are about."""


Behaviour = Callable[["_Handler"], None]


@dataclass
class Recorder:
    """Answers are used up in turn, the last one for ever."""

    base_url: str = ""
    received: list[Received] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    _script: list[Behaviour] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answers(self, status: int = 200, body: Any = b"", **headers: str) -> Recorder:
        """Script one answer. Dictionaries and lists become JSON; `Retry_After` `Retry-After`."""
        raw = body if isinstance(body, bytes) else encoded(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}

        def answer(handler: _Handler) -> None:
            handler.send_response(status)
            for name, value in named.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(raw)))
            handler.end_headers()
            handler.wfile.write(raw)

        return self.behaves(answer)

    def behaves(self, behaviour: Behaviour) -> Recorder:
        self._script.append(behaviour)
        return self

    def drops(self) -> Recorder:
        """Close the connection after the request, without an answer."""
        return self.behaves(_drop)

    def keeps_silent(self) -> Recorder:
        return self.behaves(lambda handler: _wait(handler, self.released))

    def drips(self, beginning: bytes) -> Recorder:
        """Send `beginning`, then a byte now and then for as long as the caller listens."""
        return self.behaves(lambda handler: _drip(handler, beginning, self.released))

    def sends(self, raw: bytes) -> Recorder:
        """Send these bytes instead of an answer, and close."""
        return self.behaves(lambda handler: _send_raw(handler, raw))

    def next(self, received: Received) -> Behaviour:
        with self._lock:
            self.received.append(received)
            self.arrived.set()
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    recorder: Recorder

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        received = Received(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
            self.client_address,
        )
        self.recorder.next(received)(self)

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.handle_any
        raise AttributeError(name)

    def log_message(self, *_: object) -> None:
        return


def encoded(body: Any) -> bytes:
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def _drop(handler: _Handler) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def _wait(handler: _Handler, released: threading.Event) -> None:
    released.wait(PATIENCE)
    handler.close_connection = True


def _drip(handler: _Handler, beginning: bytes, released: threading.Event) -> None:
    handler.close_connection = True
    try:
        handler.connection.sendall(beginning)
        for _ in range(int(PATIENCE / 0.02)):
            if released.wait(0.02):
                return
            handler.connection.sendall(b"x")
    except OSError:
        return


def _send_raw(handler: _Handler, raw: bytes) -> None:
    handler.connection.sendall(raw)
    _drop(handler)


@pytest.fixture
def server() -> Iterator[Recorder]:
    """A fresh provider on a free port of the loopback interface."""
    with serving() as recorder:
        yield recorder


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Recorder]:
    """Serve until the block ends, over TLS when a context is given."""
    recorder = Recorder()
    handler = type("Handler", (_Handler,), {"recorder": recorder})
    http_server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        http_server.socket = tls.wrap_socket(http_server.socket, server_side=True)
    scheme = "https" if tls else "http"
    recorder.base_url = f"{scheme}://127.0.0.1:{http_server.server_port}"
    thread = threading.Thread(target=http_server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield recorder
    recorder.released.set()
    http_server.shutdown()
    http_server.server_close()
    thread.join(PATIENCE)


@pytest.fixture
def nobody() -> str:
    """A base URL at which nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"


@pytest.fixture
def sender(db: None) -> Sender:
    """The one sender of a fresh Optbook."""
    ensure_defaults()
    return Sender.objects.get(key=DEFAULT_SENDER)


@pytest.fixture
def account(sender: Sender) -> ProviderAccount:
    """One account at Pepipost, where nothing answers."""
    return AccountFactory(sender=sender)


@pytest.fixture
def sinch(sender: Sender) -> ProviderAccount:
    """One account at Sinch Conversation that waits for results and knows who calls back."""
    return listening(sender=sender)


@pytest.fixture
def whatsapp(sender: Sender, sandbox: RunningSandbox) -> ProviderAccount:
    """One account at the sandbox's Sinch WhatsApp, which takes twenty numbers a call."""
    return AccountFactory(sender=sender, kind="sinch_whatsapp", base_url=sandbox.url)


@pytest.fixture
def all_three(sender: Sender, sandbox: RunningSandbox) -> dict[str, ProviderAccount]:
    """One account of each kind, at the sandbox."""
    return {
        kind: AccountFactory(sender=sender, kind=kind, name=kind, base_url=sandbox.url)
        for kind in registry.kinds()
    }

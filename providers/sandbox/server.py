"""Connections: serves requests, carries answers, and breaks off when told to.

Not built on http.server's handler: that one cannot send half an answer, and its header parser
costs most of the time of a call.
"""

import logging
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from . import control
from .exchange import Answer, Request, json_answer
from .messages import BadRequestError, encode, read_request
from .sandbox import Sandbox, Visit
from .treatment import AFTER, BEFORE, DRIPPED, DROPPED, NEVER, TRUNCATED, Treatment

logger = logging.getLogger(__name__)

IDLE_SECONDS = 120.0


class SandboxServer(socketserver.ThreadingTCPServer):
    """One thread a connection; `url` is where it listens."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, sandbox: Sandbox, host: str = "127.0.0.1", port: int = 0) -> None:
        self.sandbox = sandbox
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__((host, port), Connection)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        with self._lock:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def close(self) -> None:
        """Stop listening, break the open connections, post no more callbacks."""
        self.stopping.set()
        self.server_close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            _break(connection)
        self.sandbox.close()


class Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    server: SandboxServer

    def handle(self) -> None:
        """Serve requests until the client, a fault or an unreadable request ends the connection."""
        try:
            while self._serve_one():
                pass
        except BadRequestError as error:
            self._send(encode(error.answer, keep_alive=False))
        except OSError:
            # The client went away or kept silent for too long; nobody is left to be told.
            return

    def finish(self) -> None:
        try:
            super().finish()
        except OSError:
            return

    def _serve_one(self) -> bool:
        request = read_request(self.rfile, self._invite_body)
        if request is None:
            return False
        keep_alive = request.headers.get("connection", "").lower() != "close"
        try:
            visit = self.server.sandbox.receive(request)
            if visit is not None:
                return self._carry(visit, keep_alive)
            answer = self._own_answer(request)
        except (OSError, BadRequestError):
            raise
        except Exception:
            logger.exception("the sandbox failed on %s", request.method)
            answer = json_answer(500, {"error": {"code": 500, "message": "sandbox defect"}})
        self._send(encode(answer, keep_alive))
        return keep_alive

    def _own_answer(self, request: Request) -> Answer:
        if request.path == control.PREFIX or request.path.startswith(f"{control.PREFIX}/"):
            return control.answer(request, self.server.sandbox)
        return json_answer(404, {"error": {"code": 404, "message": "no provider lives here"}})

    def _invite_body(self) -> None:
        self._send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def _carry(self, visit: Visit, keep_alive: bool) -> bool:
        """Let a provider's call take effect and answer it, as its treatment says."""
        treatment = visit.treatment
        if treatment.transport == DROPPED:
            self._drop(visit)
            return False
        own = visit.settle() if treatment.applied == BEFORE else None
        if treatment.transport != DRIPPED:
            visit.hold()
        if treatment.applied == AFTER:
            own = visit.settle()
        if treatment.applied == NEVER and treatment.answer is None:
            own = visit.settle(apply=False)
        answer = treatment.answer or own or Answer(500)
        # Before the bytes go: whoever has the answer finds the call complete in the log.
        visit.finish(answer.status)
        return self._send_as_treated(encode(answer, keep_alive), treatment) and keep_alive

    def _drop(self, visit: Visit) -> None:
        treatment = visit.treatment
        if treatment.applied == BEFORE:
            visit.settle()
        if treatment.applied == AFTER:
            self._hang_up(treatment.reset)
        visit.hold()
        if treatment.applied == AFTER:
            visit.settle()
        visit.finish(None)
        self._hang_up(treatment.reset)

    def _hang_up(self, reset: bool) -> None:
        if reset:
            # Lingering for no time at all makes the kernel send RST in place of FIN.
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.rfile.close()
            self.connection.close()
        else:
            _break(self.connection)

    def _send_as_treated(self, data: bytes, treatment: Treatment) -> bool:
        """Whether the connection can be used again."""
        if treatment.transport == TRUNCATED:
            self._send(data[: max(1, len(data) - 1 - len(data) // 4)])
            return False
        if treatment.transport == DRIPPED:
            return self._drip(data, treatment)
        self._send(data)
        return True

    def _drip(self, data: bytes, treatment: Treatment) -> bool:
        """A byte at a time; when the time is up the connection is dropped in mid-answer."""
        bytes_in_time = int(treatment.seconds / treatment.interval) if treatment.interval else None
        for position in range(len(data)):
            if self.server.stopping.is_set() or position == bytes_in_time:
                return False
            self._send(data[position : position + 1])
            self.server.stopping.wait(treatment.interval)
        return True


def _break(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # Already gone.
        return


@contextmanager
def running(
    sandbox: Sandbox | None = None, host: str = "127.0.0.1", port: int = 0
) -> Iterator[SandboxServer]:
    """A server in a thread of this process, stopped at the end; port 0 is any free one."""
    server = SandboxServer(sandbox or Sandbox(), host, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.close()
        thread.join(5)

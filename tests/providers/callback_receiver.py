"""A listener on this machine that keeps what is posted to it, for tests of callbacks."""

import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

WAIT = 5.0


class Received:
    """`take()` waits for the next post; `statuses` are answered in turn, then 200."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.statuses: list[int] = []
        self.posts: queue.Queue[tuple[dict[str, str], bytes]] = queue.Queue()

    def take(self) -> tuple[dict[str, str], bytes]:
        return self.posts.get(timeout=WAIT)


@pytest.fixture
def receiver() -> Iterator[Received]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = received.statuses.pop(0) if received.statuses else 200
            received.posts.put(({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_port}/callbacks/x/?a=b")
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield received
    server.shutdown()
    server.server_close()

"""Long bodies sent while the answer is read."""

from __future__ import annotations

from bench.streaming import upload
from tests.bench.answering import answering


def test_the_lines_of_a_chunked_answer_are_counted():
    chunks = b"4\r\na\nb\n\r\n2\r\nc\n\r\n0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    with answering(head + chunks) as server:
        answer = upload(server.port, "/check/", {"Content-Length": "6"}, [b"abc", b"def"])
    assert (answer.status, answer.lines) == (200, 3)
    assert server.requests[0].endswith(b"abcdef")


def test_a_refusal_is_an_answer():
    with answering(b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n") as server:
        answer = upload(server.port, "/check/", {"Content-Length": "0"}, [])
    assert answer.status == 404

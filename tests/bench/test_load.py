"""The generator of load, against a server that answers as it is told."""

from __future__ import annotations

from itertools import cycle, repeat

import pytest

from bench.load import Load, UnfitError, apply, get, post
from tests.bench.answering import OK, answering

ASK = get("/gate/", "key")


def test_every_answer_is_counted_once():
    with answering(OK) as server:
        load = apply(server.port, iter([ASK] * 30), connections=3, seconds=60)
    assert len(load.latencies) == len(server.requests) == 30
    assert load.per_second == 30 / load.seconds
    assert 0 < load.milliseconds(0.5) <= load.milliseconds(0.99) <= 1000 * load.seconds


def test_an_answer_may_come_in_pieces():
    with answering(b"HTTP/1.1 200 OK\r\nConte", b"nt-Length: 5\r", b"\n\r\nhal", b"lo") as server:
        assert len(apply(server.port, iter([ASK] * 5), connections=1, seconds=60).latencies) == 5


def test_requests_arrive_as_they_were_made():
    requests = [ASK, post("/events/", "key", b'{"a": 1}')]
    with answering(OK) as server:
        apply(server.port, iter(requests), connections=1, seconds=60)
    assert server.requests == requests
    assert b"Authorization: Bearer key\r\n" in ASK
    assert requests[1].endswith(b'Content-Length: 8\r\n\r\n{"a": 1}')


def test_the_time_ends_it():
    with answering(OK) as server:
        load = apply(server.port, repeat(ASK), connections=2, seconds=0.1)
    assert load.latencies
    assert load.seconds < 10


def test_a_pace_is_not_overtaken():
    with answering(OK) as server:
        load = apply(server.port, repeat(ASK), connections=8, seconds=0.19, per_second=50)
    assert 1 <= len(load.latencies) <= 10


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ([b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"], "status 503"),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"], "how long"),
        ([], "closed a connection"),
    ],
)
def test_a_server_that_does_not_work_is_not_measured(answer, problem):
    with answering(*answer) as server, pytest.raises(UnfitError, match=problem):
        apply(server.port, cycle([ASK]), connections=2, seconds=60)


def test_a_server_that_is_not_there_is_not_measured():
    with answering(OK) as server:
        pass
    with pytest.raises(UnfitError, match="ConnectionRefusedError"):
        apply(server.port, repeat(ASK), connections=2, seconds=60)


def test_another_status_may_be_the_right_one():
    with answering(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n") as server:
        load = apply(server.port, iter([ASK]), connections=1, seconds=60, status=201)
    assert isinstance(load, Load)

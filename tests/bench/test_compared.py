"""Loads in turns: each side's requests go where they belong."""

from __future__ import annotations

from itertools import repeat
from types import SimpleNamespace
from typing import cast

from bench.compared import Side, loads
from bench.load import get
from bench.site import Options, Site
from tests.bench.answering import OK, answering

HERE, ELSEWHERE = get("/here/", "key"), get("/elsewhere/", "key")


def test_a_side_that_names_a_port_is_asked_there():
    with answering(OK) as server, answering(OK) as other:
        site = cast(Site, SimpleNamespace(port=server.port, options=Options(rows=1, seconds=0.05)))
        sides = [Side(lambda: repeat(HERE)), Side(lambda: repeat(ELSEWHERE), port=other.port)]
        taken = loads(site, *sides, connections=1, rounds=2)
    assert [len(rounds) for rounds in taken] == [2, 2]
    assert set(server.requests) == {HERE}
    assert set(other.requests) == {ELSEWHERE}

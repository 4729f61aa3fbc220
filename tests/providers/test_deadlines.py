"""When a call's time is over: whoever is due first is cut first, and nobody who has ended."""

from __future__ import annotations

import socket
import threading
import time

from providers.deadlines import Call

PATIENCE = 10.0


def call(seconds: float) -> Call:
    return Call(time.monotonic() + seconds)


def test_a_call_begun_later_and_due_earlier_is_cut_in_its_own_time():
    ours, theirs = socket.socketpair()
    with ours, theirs, call(PATIENCE * 6).watched() as patient, call(0.01).watched() as hasty:
        theirs.settimeout(PATIENCE)
        hasty.follow(ours)
        assert theirs.recv(1) == b""
        assert (hasty.expired, patient.expired) == (True, False)


def test_a_call_that_has_ended_is_not_cut_afterwards():
    ended = call(PATIENCE)
    with ended.watched():
        pass
    ended.expire()
    assert not ended.expired


def test_many_calls_at_once_are_watched_by_one_thread():
    with call(PATIENCE).watched():
        before = threading.active_count()
        with call(PATIENCE).watched(), call(PATIENCE).watched():
            assert threading.active_count() == before

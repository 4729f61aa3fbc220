"""One worker, one kill: the short form of the chaos runs, for every day."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from config.home import BASE
from providers import settlement
from providers.worker import Worker
from tests.consents.factories import NUMBER
from tests.consents.parallel import database_url
from tests.providers.conftest import sender as sender
from tests.providers.conftest import whatsapp as whatsapp
from tests.providers.factories import claim, let_pass, newest, opt_in, stop, told

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py worker` on the test's database."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=BASE,
        env={**os.environ, "DATABASE_URL": database_url()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.wait(10)


def until(condition):
    """Waits for what another process does, twenty seconds at most."""
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")


def test_a_worker_killed_in_mid_call_loses_nothing_and_the_newer_opt_out_wins(
    sandbox, whatsapp, worker
):
    sandbox.fault("sinch_whatsapp", "slow", seconds=3, actions=["opt_in"], applied="after")
    opt_in()
    until(sandbox.consent_calls)
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    stop()
    assert told(whatsapp) == [("opt_in", "sending"), ("opt_out", "pending")]
    assert claim(whatsapp) == []
    let_pass(seconds=61)
    assert settlement.reap() == 1
    Worker().drain()
    until(lambda: sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_in")
    assert [call["action"] for call in sandbox.consent_calls()] == ["opt_in", "opt_out"]
    let_pass(seconds=61)
    Worker().drain()
    assert sandbox.state_of("sinch_whatsapp", NUMBER) == "opted_out"


def test_a_worker_told_to_stop_in_mid_call_finishes_it(sandbox, whatsapp, worker):
    sandbox.fault("sinch_whatsapp", "slow", seconds=1)
    opt_in()
    until(sandbox.consent_calls)
    worker.terminate()
    assert worker.wait(10) == 0
    assert newest(whatsapp).status == "succeeded"
    assert len(sandbox.consent_calls()) == 1

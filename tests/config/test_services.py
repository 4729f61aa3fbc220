"""Processes that are kept running, and ended with all they started."""

import os
import signal
import subprocess
import sys
import threading

import psutil
import pytest

from config import leftovers, services
from config.home import BASE
from config.services import Running, Service

SLEEPER = ("-c", "import time; print('up', flush=True); time.sleep(60)")
PARENT = (
    "-c",
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)",
)


@pytest.fixture
def keep():
    """Makes a kept service of a Python command; every one is ended after the test."""
    kept = []

    def start(*words):
        running = Running(Service("test", (sys.executable, *words)))
        kept.append(running)
        running.start()
        return running

    yield start
    for running in kept:
        running.stop(grace=0)


def until(condition):
    """Waits for what another process does, ten seconds at most."""
    pause = threading.Event()
    for _ in range(500):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("it did not happen")


def test_one_that_lives_is_left_alone(keep):
    running = keep(*SLEEPER)
    pid = running.pid
    assert running.look_after() is None
    assert running.pid == pid


def test_a_killed_one_is_started_again(keep):
    running = keep(*SLEEPER)
    first = running.pid
    os.kill(first, signal.SIGKILL)
    running.process.wait()
    assert running.look_after() == "test: ended (SIGKILL), again in 0.5 s"
    assert running.look_after() is None  # it waits first
    events = []
    until(lambda: events.append(running.look_after()) or events[-1])
    assert events[-1].startswith("test: started again")
    assert running.pid not in (None, first)


def test_one_that_keeps_dying_is_started_ever_more_seldom(keep):
    running = keep("-c", "raise SystemExit(3)")
    pauses = []
    for _ in range(9):
        running.process.wait()
        pauses.append(running.look_after())
        running.start()
    assert pauses[0] == "test: ended (status 3), again in 0.5 s"
    waits = [float(text.split()[-2]) for text in pauses if text]
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_stopping_ends_what_it_started_too(keep, tmp_path):
    noted = tmp_path / "pid"
    running = keep(*PARENT, str(noted))
    until(lambda: noted.exists() and noted.read_text())
    grandchild = psutil.Process(int(noted.read_text()))
    running.stop(grace=5)
    until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)
    assert running.process is None


def test_one_that_ignores_the_signal_is_ended_by_force(keep, tmp_path):
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    running = keep("-c", deaf)
    process = running.process
    running.stop(grace=0.1)
    assert process.returncode is not None


def test_what_a_killed_supervisor_left_is_ended_by_the_next(tmp_path):
    notes = tmp_path / "server.json"
    left = subprocess.Popen([sys.executable, *SLEEPER], cwd=BASE, start_new_session=True)
    leftovers.note(notes, [left.pid])
    try:
        ended = _end_while_reaping(notes, left)
    finally:
        left.kill()
    assert ended == 1
    assert left.returncode == -signal.SIGTERM
    assert not notes.exists()


def _end_while_reaping(notes, process):
    """Here the left one is our child: as a zombie it would seem to live on."""
    reaper = threading.Thread(target=process.wait)
    reaper.start()
    ended = leftovers.end(notes)
    reaper.join()
    return ended


def test_a_group_that_now_belongs_to_others_is_left_alone(tmp_path):
    notes = tmp_path / "server.json"
    other = subprocess.Popen([sys.executable, *SLEEPER], cwd="/", start_new_session=True)
    leftovers.note(notes, [other.pid])
    try:
        assert leftovers.end(notes) == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("text", ["", "{", '{"groups": "no"}', "[1]"])
def test_notes_that_cannot_be_read_end_nothing(tmp_path, text):
    notes = tmp_path / "server.json"
    notes.write_text(text)
    assert leftovers.end(notes) == 0


def test_the_web_server_survives_a_killed_worker_and_the_sandbox_can_be_left_out(settings):
    settings.SANDBOX = False
    worker, web = services.for_installation(settings)
    assert "--respawn-failed-workers" in web.command
    assert worker.command[-1] == "worker"
    settings.SANDBOX = True
    assert services.for_installation(settings)[0].name == "sandbox"

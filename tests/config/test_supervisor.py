"""`script/server`, as an operator meets it."""

import os
import re
import shutil
import signal
import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from config import leftovers
from tests.config.servers import Installation, installation, is_alive


def test_it_sets_up_serves_refuses_a_second_and_stops_everything(home):
    with installation(home) as server:
        server.start()
        assert server.status("/healthz") == 200
        assert server.status("/readyz") == 200
        assert server.output.count("shown this once") == 2
        assert f"http://127.0.0.1:{server.port}" in server.output
        children = psutil.Process(server.process.pid).children(recursive=True)

        second = Installation(home)
        second.log = home / "second"
        second.start(wait=False)
        assert second.process.wait(30) == 1
        assert f"it already runs from {home} (process {server.process.pid})" in second.output

        assert server.stop() == 0
        assert server.output.endswith("Optbook has stopped.\n")
        assert not [child for child in children if is_alive(child)]
        assert server.cluster.processes() == []

        server.start()
        assert server.output.count("shown this once") == 2
        assert server.stop(signal.SIGINT) == 0


def test_a_port_that_is_taken_is_an_error_in_words(home):
    with socket.create_server(("127.0.0.1", 0)) as taken, installation(home) as server:
        server.environment["PORT"] = str(taken.getsockname()[1])
        server.start(wait=False)
        assert server.process.wait(30) == 1
        assert "Cannot serve on 127.0.0.1:" in server.output
        assert "Set PORT" in server.output
        assert "Traceback" not in server.output
        assert not server.cluster.root.exists()


def test_a_wrong_setting_is_an_error_in_words(home):
    with installation(home, OPTBOOK_MODE="production") as server:
        server.start(wait=False)
        assert server.process.wait(30) == 1
        assert server.output.startswith("Optbook cannot start: OPTBOOK_MODE is production")
        assert "Traceback" not in server.output


@pytest.fixture(scope="module")
def server():
    home = Path(tempfile.mkdtemp(prefix="ob-", dir="/tmp"))
    home.chmod(0o755)
    try:
        with installation(home) as made:
            made.start()
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.mark.chaos
@pytest.mark.parametrize("word", ["granian", "provider_sandbox", "manage.py worker"])
def test_a_killed_service_is_started_again(server, word):
    (child,) = server.children(word)
    family = [child, *child.children(recursive=True)]
    child.kill()
    server.until(lambda: [new for new in server.children(word) if new.pid != child.pid])
    server.until(lambda: server.status("/readyz") == 200)
    assert not [process for process in family if is_alive(process)]


@pytest.mark.chaos
def test_a_killed_web_worker_is_replaced_again_and_again(server):
    (master,) = server.children("granian")
    for _ in range(3):
        workers = [child for child in master.children() if child.children() or _is_worker(child)]
        for worker in workers:
            worker.kill()
        server.until(lambda: server.status("/healthz") == 200)
    assert master.is_running()


def _is_worker(process):
    return "spawn_main" in " ".join(process.cmdline()) and "resource_tracker" not in " ".join(
        process.cmdline()
    )


@pytest.mark.chaos
def test_killed_postgresql_is_started_again(server):
    for _ in range(3):
        os.kill(server.postmaster(), signal.SIGKILL)
        server.until(server.cluster.answers)
        server.until(lambda: server.status("/readyz") == 200)


@pytest.mark.chaos
def test_after_a_killed_supervisor_the_next_start_ends_what_it_left(home):
    with installation(home) as server:
        server.start()
        left = psutil.Process(server.process.pid).children(recursive=True)
        server.process.kill()
        server.process.wait()
        assert [process for process in left if is_alive(process)]
        server.start()
        assert not [process for process in left if is_alive(process)]
        assert server.status("/readyz") == 200
        assert re.search(r"ended \d programs that an earlier start had left", server.output)
    assert leftovers._noted(home / "server.json") == []

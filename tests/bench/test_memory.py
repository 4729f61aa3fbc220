"""The most memory that processes have had."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.memory import watched

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="only Linux keeps the mark"
)


def test_a_process_and_what_it_starts_are_watched():
    hold = "import subprocess, sys; x = b'x' * 60_000_000; print(); sys.stdin.read()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        with watched(process.pid) as peaks:
            process.stdout.readline()
        process.stdin.close()
    assert len(peaks.by_process) == 2
    assert 60 < peaks.largest < peaks.together


def test_of_a_process_that_has_ended_nothing_is_known():
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    with watched(process.pid) as peaks:
        pass
    assert peaks.largest is peaks.together is None

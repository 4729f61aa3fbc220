"""Locks between processes."""

import subprocess
import sys

from config import locking
from config.home import BASE

HOLD = (
    "import sys; from pathlib import Path; from config import locking;"
    "lock = locking.take(Path(sys.argv[1])); print(lock is not None, flush=True); input()"
)


def test_only_one_process_holds_it_and_a_killed_one_lets_go(home):
    path = home / "deep" / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    holder = subprocess.Popen(
        command, cwd=BASE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline().strip() == "True"
        assert locking.take(path) is None
    finally:
        holder.kill()
        holder.communicate()
    lock = locking.take(path)
    assert lock is not None
    lock.close()


def test_it_can_be_held_for_the_length_of_a_block_again_and_again(home):
    path = home / "lock"
    for _ in range(2):
        with locking.exclusive(path):
            assert locking.take(path) is None

"""Clusters and environments of their own, for tests of what starts before Django does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import embedded
from config.cluster import Cluster
from config.home import BASE

Finished = subprocess.CompletedProcess[str]


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty directory under a short path, where a socket can lie."""
    path = Path(tempfile.mkdtemp(prefix="ob-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cluster(home: Path) -> Iterator[Cluster]:
    """A cluster that does not run yet; whatever runs in it is stopped at the end."""
    cluster = Cluster(home / "postgres", durable=False)
    yield cluster
    embedded.stop(cluster)


@pytest.fixture
def run(home: Path) -> Callable[..., Finished]:
    """Runs Python in the repository with `home` as its home and nothing else of ours set."""

    def run_python(*words: str, **environment: str) -> Finished:
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return subprocess.run(
            [sys.executable, *words],
            cwd=BASE,
            env=kept | {"OPTBOOK_HOME": str(home)} | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run_python

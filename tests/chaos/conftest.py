"""Homes and sandboxes for processes that are going to be killed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.sandbox_fixture import sandbox as sandbox


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty directory under a short path, where a socket can lie."""
    path = Path(tempfile.mkdtemp(prefix="ob-", dir="/tmp"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)

"""What tests of importing share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from consents.importing import rows


@pytest.fixture
def chunks_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """So many rows in each transaction."""
    return lambda count: monkeypatch.setattr(rows, "CHUNK", count)

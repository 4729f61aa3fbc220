"""A caller of the API who may do everything for the default sender."""

from __future__ import annotations

import pytest

from consents.models import Sender
from tests.consents.api.caller import Caller, issue


@pytest.fixture
def api(sender: Sender) -> Caller:
    return issue()

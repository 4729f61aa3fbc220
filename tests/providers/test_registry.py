from __future__ import annotations

import subprocess
import sys

import pytest

from providers import registry
from providers.contract import Adapter
from providers.errors import UnknownKindError


@pytest.mark.parametrize("kind", registry.kinds())
def test_every_kind_has_one_adapter(kind: str) -> None:
    adapter = registry.adapter(kind)
    assert isinstance(adapter, Adapter)
    assert registry.adapter(kind) is adapter


@pytest.mark.parametrize("kind", ["", "carrier_pigeon", "Pepipost"])
def test_an_unknown_kind_is_named_with_those_there_are(kind: str) -> None:
    with pytest.raises(UnknownKindError, match=r"unknown_kind.*pepipost"):
        registry.adapter(kind)


def test_a_provider_is_imported_on_first_use() -> None:
    program = (
        "import sys; from providers import registry; print('providers.pepipost.adapter' in "
        "sys.modules); registry.adapter('pepipost'); print('providers.pepipost.adapter' in "
        "sys.modules, 'providers.sinch_whatsapp.adapter' in sys.modules, 'django' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True", "False", "False"]

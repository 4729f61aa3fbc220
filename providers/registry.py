"""Which providers there are. A new one is a folder and one line here.

What hears its callbacks and what imitates it stand beside its adapter: `callbacks.PepipostListener`
and `dropin.PepipostDropin` beside `adapter.PepipostAdapter`.
"""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module
from importlib.util import find_spec

from providers.contract import Adapter, Listener
from providers.dropin_contract import Dropin
from providers.errors import UnknownKindError
from providers.readback_contract import Reader

ADAPTERS = {
    "pepipost": "providers.pepipost.adapter.PepipostAdapter",
    "sinch_conversation": "providers.sinch_conversation.adapter.SinchConversationAdapter",
    "sinch_whatsapp": "providers.sinch_whatsapp.adapter.SinchWhatsAppAdapter",
}

_lock = threading.Lock()


def kinds() -> tuple[str, ...]:
    """The names of the providers, in the order people are shown them."""
    return tuple(ADAPTERS)


def adapter(kind: str) -> Adapter:
    """The one adapter of a provider in this process, imported on first use.

    Raises UnknownKindError for a name that is not registered.
    """
    if kind not in ADAPTERS:
        known = ", ".join(ADAPTERS)
        raise UnknownKindError("unknown_kind", f"There is no provider {kind!r}; there are {known}.")
    # Two instances would keep two token caches.
    with _lock:
        return _loaded(kind)


@cache
def _loaded(kind: str) -> Adapter:
    module, name = ADAPTERS[kind].rsplit(".", 1)
    made: Adapter = getattr(import_module(module), name)()
    return made


def listener(kind: str) -> Listener:
    """What hears a provider's callbacks, imported on first use. Raises UnknownKindError."""
    adapter(kind)
    return _listener(kind)


@cache
def _listener(kind: str) -> Listener:
    folder, _, name = ADAPTERS[kind].rsplit(".", 2)
    made: Listener = getattr(
        import_module(f"{folder}.callbacks"), f"{name.removesuffix('Adapter')}Listener"
    )()
    return made


@cache
def reader(kind: str) -> Reader | None:
    """What reads a provider's lists back; None where it lets nobody. Raises UnknownKindError."""
    adapter(kind)
    folder, _, name = ADAPTERS[kind].rsplit(".", 2)
    if find_spec(f"{folder}.readback") is None:
        return None
    module = import_module(f"{folder}.readback")
    made: Reader = getattr(module, f"{name.removesuffix('Adapter')}Reader")()
    return made


@cache
def dropin(kind: str) -> Dropin:
    """What imitates a provider's own endpoints. Raises UnknownKindError."""
    adapter(kind)
    folder, _, name = ADAPTERS[kind].rsplit(".", 2)
    module = import_module(f"{folder}.dropin")
    made: Dropin = getattr(module, f"{name.removesuffix('Adapter')}Dropin")()
    return made

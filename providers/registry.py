"""Which providers there are. A new one is a folder and one line here."""

from __future__ import annotations

import threading
from functools import cache
from importlib import import_module

from providers.contract import Adapter
from providers.errors import UnknownKindError

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

"""Where the drop-ins are: every provider's own paths, from the root of the site."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, re_path

from providers import registry
from providers.dropin_contract import TokenDropin
from providers.dropins.doors import DropinDoor, ElsewhereDoor, TokenDoor


def _paths(kind: str) -> Iterator[URLPattern]:
    dropin = registry.dropin(kind)
    yield re_path(dropin.path, DropinDoor.as_view(kind=kind))
    if isinstance(dropin, TokenDropin):
        yield re_path(dropin.token_path, TokenDoor.as_view(kind=kind))
    yield re_path(dropin.home, ElsewhereDoor.as_view(kind=kind))


urlpatterns = [path for kind in registry.kinds() for path in _paths(kind)]

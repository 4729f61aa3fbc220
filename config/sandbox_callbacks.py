"""How the sandbox's Sinch Conversation calls back to the installation it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from django.conf import LazySettings

# Known beforehand, because the sandbox is told the address before there is a database.
ACCOUNT = UUID("0193a5c0-0000-7000-8000-000000000001")
SECRET = "sandbox-callback-secret"  # noqa: S105 (of the sandbox, which anybody on this machine is)
_REACHED_BY_LOOPBACK = {"127.0.0.1", "0.0.0.0", "localhost"}  # noqa: S104 (compared, not bound)


def are_heard(settings: LazySettings) -> bool:
    """Whether a plain call over the loopback reaches the web server."""
    return settings.BIND in _REACHED_BY_LOOPBACK and not settings.SECURE_SSL_REDIRECT


def options(settings: LazySettings) -> list[str]:
    """What `provider_sandbox` is to be started with besides."""
    if not are_heard(settings):
        return []
    url = f"http://127.0.0.1:{settings.PORT}/callbacks/{ACCOUNT}/"
    return [f"--sinch-conversation-callback={url}", f"--sinch-conversation-secret={SECRET}"]

"""What a command finds ready: the embedded server running, and the role the command needs."""

from __future__ import annotations

import os
import sys

from config import embedded
from config.cluster import EmbeddedError

# These change tables, which only their owner may.
OWNER_COMMANDS = {"migrate", "flush", "test", "sqlflush"}

NEED_NO_DATABASE = {
    "help",
    "version",
    "--help",
    "--version",
    "-h",
    "check",
    "collectstatic",
    "compilemessages",
    "diffsettings",
    "findstatic",
    "makemessages",
    "makemigrations",
    "provider_sandbox",
    "spectacular",
    "startapp",
    "test",
}


def prepare(arguments: list[str]) -> None:
    """Chooses the role and, where it is the embedded one, brings up the server.

    Ends the process with the reason when the server cannot be brought up.
    """
    command = arguments[1] if len(arguments) > 1 else "help"
    if command in OWNER_COMMANDS and not os.environ.get("DATABASE_AS_OWNER"):
        os.environ["DATABASE_AS_OWNER"] = "true"
    if command not in NEED_NO_DATABASE or "--database" in arguments:
        start_embedded_server()


def start_embedded_server() -> None:
    from django.conf import settings

    if settings.EMBEDDED:
        try:
            embedded.ensure(settings.CLUSTER)
        except EmbeddedError as error:
            sys.exit(str(error))

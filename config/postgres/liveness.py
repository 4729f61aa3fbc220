"""Whether a pooled connection still lives, seen without asking the server."""

from __future__ import annotations

import select
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool


def check(connection: Connection[Any]) -> None:
    """What the pool does before it hands a connection out; raises psycopg's errors for a dead one.

    A server that ends a connection sends a last word or closes it, and either can be seen on the
    socket at once; only then is it asked, since a notice is no last word. Asking every time would
    cost every request a round trip, and find no more of a network that went silent.
    """
    if connection.closed or _has_something_to_say(connection):
        ConnectionPool.check_connection(connection)


def _has_something_to_say(connection: Connection[Any]) -> bool:
    socket = select.poll()
    socket.register(connection.fileno(), select.POLLIN)
    return bool(socket.poll(0))

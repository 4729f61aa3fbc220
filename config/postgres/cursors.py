"""Cursors whose COPY speaks Django's errors too: Django itself leaves `copy()` to the driver.

And one whose statements the server plans once for each connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg
from django.db.backends import utils
from django.db.backends.postgresql import base


class _CopyWithCleanErrors:
    cursor: Any
    db: Any

    @contextmanager
    def copy(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """psycopg's `cursor.copy()`, its errors without the row they happened at."""
        with self.db.wrap_database_errors, self.cursor.copy(*args, **kwargs) as copy:
            yield copy


class PreparedCursor(psycopg.Cursor[Any]):
    """Django's cursor writes values into the text, so that each call is planned anew.

    This one sends them apart from a text that the connection keeps prepared, and takes rows in
    binary, which spares Python the parsing of times.
    """

    def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
        return super().execute(query, params, prepare=True, binary=True)


class CursorWrapper(_CopyWithCleanErrors, utils.CursorWrapper):
    pass


class CursorDebugWrapper(_CopyWithCleanErrors, base.CursorDebugWrapper):
    pass

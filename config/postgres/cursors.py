"""Cursors whose COPY speaks Django's errors too: Django itself leaves `copy()` to the driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


class CursorWrapper(_CopyWithCleanErrors, utils.CursorWrapper):
    pass


class CursorDebugWrapper(_CopyWithCleanErrors, base.CursorDebugWrapper):
    pass

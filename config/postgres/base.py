"""The backend: Django's own, except that no error leaves it with a row in its text.

And that a pooled connection is looked at, not asked, before it is used, and that a statement can
be prepared.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base
from django.utils.functional import cached_property

from config.postgres import liveness
from config.postgres.creation import DatabaseCreation
from config.postgres.cursors import CursorDebugWrapper, CursorWrapper, PreparedCursor
from config.postgres.errors import CleanErrors


class DatabaseWrapper(base.DatabaseWrapper):
    creation_class = DatabaseCreation

    @property
    def pool(self) -> Any:
        """Django's pool of this process, with our check in place of one that costs a round trip."""
        pool = super().pool
        if pool is not None and pool._check is not None:
            pool._check = liveness.check
        return pool

    @cached_property
    def wrap_database_errors(self) -> CleanErrors:
        """What Django puts around every call of the driver, COMMIT among them."""
        return CleanErrors(self)

    def prepared_cursor(self) -> CursorWrapper | CursorDebugWrapper:
        """A cursor for the few statements that are asked all day: see PreparedCursor.

        Where DATABASE_PREPARE is off, its statements are planned at every call like all others.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        self.validate_thread_sharing()
        wrap = self.make_debug_cursor if self.queries_logged else self.make_cursor
        return wrap(PreparedCursor(self.connection))

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return CursorWrapper(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> CursorDebugWrapper:
        return CursorDebugWrapper(cursor, self)

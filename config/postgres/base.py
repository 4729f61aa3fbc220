"""The backend: Django's own, except that no error leaves it with a row in its text.

And that a pooled connection is looked at, not asked, before it is used.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import base
from django.utils.functional import cached_property

from config.postgres import liveness
from config.postgres.creation import DatabaseCreation
from config.postgres.cursors import CursorDebugWrapper, CursorWrapper
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

    def make_cursor(self, cursor: Any) -> CursorWrapper:
        return CursorWrapper(cursor, self)

    def make_debug_cursor(self, cursor: Any) -> CursorDebugWrapper:
        return CursorDebugWrapper(cursor, self)

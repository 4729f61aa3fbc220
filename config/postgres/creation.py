"""Making test databases with errors that carry no cause."""

from __future__ import annotations

from typing import Any

from django.db import ProgrammingError
from django.db.backends.postgresql import creation


class DatabaseCreation(creation.DatabaseCreation):
    def _execute_create_test_db(
        self, cursor: Any, parameters: dict[str, Any], keepdb: bool = False
    ) -> None:
        # Django learns that the database exists from the driver's error, which we have dropped,
        # and would exit; told like this it asks, or replaces the database.
        if not keepdb and self._database_exists(cursor, parameters["dbname"]):  # type: ignore[attr-defined]
            raise ProgrammingError("The test database exists already.")
        super()._execute_create_test_db(cursor, parameters, keepdb)  # type: ignore[misc]

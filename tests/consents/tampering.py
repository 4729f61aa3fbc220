"""Changes what may not be changed, as somebody might who rules over the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from config.cluster import APPLICATION, SUPERUSER
from consents import sealing
from consents.models import Seal
from tests.conftest import become

LEDGER, SEALS = "consents_consentevent", "consents_seal"

Example = Callable[[], AbstractContextManager[None]]


def execute(statement: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def seal() -> list[Seal]:
    return list(sealing.seal())


@contextmanager
def all_powerful() -> Iterator[None]:
    """The tests' connection as a superuser's. Before it is opened."""
    become(SUPERUSER)
    try:
        yield
    finally:
        become(APPLICATION)


@contextmanager
def tampered() -> Iterator[None]:
    """Nothing refuses a change here, and nothing of it stays."""
    with transaction.atomic():
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        execute("SET LOCAL session_replication_role = replica")
        for table in (LEDGER, SEALS):
            changes = ", ".join(_lifting(table))
            execute(f"ALTER TABLE {table} {changes}")
        yield
        transaction.set_rollback(True)


def _lifting(table: str) -> list[str]:
    """What makes the table take anything."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('DROP CONSTRAINT %%I CASCADE', conname) FROM pg_constraint "
            "WHERE conrelid = %s::regclass AND contype IN ('c', 'u', 'p', 'f') UNION ALL "
            "SELECT format('ALTER COLUMN %%I DROP NOT NULL', attname) FROM pg_attribute "
            "WHERE attrelid = %s::regclass AND attnum > 0 AND attnotnull",
            [table, table],
        )
        return [change for (change,) in cursor.fetchall()]


def rewrite(table: str, key: object, **columns: Any) -> None:
    """Columns of one row, by its number."""
    number = "seq" if table == LEDGER else "number"
    changes = ", ".join(f"{name} = %s" for name in columns)
    execute(f"UPDATE {table} SET {changes} WHERE {number} = %s", *columns.values(), key)


@pytest.fixture
def with_all_power(django_db_setup: None) -> Iterator[None]:
    with all_powerful():
        yield

"""What every test has: the real PostgreSQL, one server for the run, one database a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from config import embedded, locking
from config.cluster import APPLICATION, DATABASE, OWNER, SUPERUSER, Cluster
from config.home import HOME

CLUSTER = Cluster(HOME / "test-postgres", durable=False)
_SESSION = pytest.StashKey[Any]()


def _is_xdist_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    if _is_xdist_worker(config):
        return
    session = locking.take(HOME / "test-session.lock")
    if session is None:
        pytest.exit(f"Another test run uses {HOME}: wait for it, or set another OPTBOOK_HOME.", 2)
    config.stash[_SESSION] = session


def pytest_unconfigure(config: pytest.Config) -> None:
    session = config.stash.get(_SESSION, None)
    if session is not None:
        embedded.stop(CLUSTER)
        session.close()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Points Django at the tests' server, as the owner, who alone may make databases."""
    embedded.ensure(CLUSTER)
    server = {"HOST": str(CLUSTER.sockets), "NAME": DATABASE, "PASSWORD": "", "USER": OWNER}
    connections.settings["default"].update(server)
    # Tests of concurrency have more threads than any process of Optbook.
    connections.settings["default"]["OPTIONS"]["pool"]["max_size"] = 24
    settings.APPLICATION_ROLE = APPLICATION


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Tests use the application's role, so that what it may not do fails here as it would there."""
    # Not at the top: it wants Django's models, and some tests run without Django.
    from django.db.backends.postgresql.operations import DatabaseOperations

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "execute_sql_flush", _flush_as_superuser)
        become(APPLICATION)
        yield
        become(OWNER)


def become(role: str) -> None:
    connection = connections["default"]
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connections.settings["default"]["USER"] = role


@pytest.fixture
def as_owner(db: None) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own, in autocommit, as the tables' owner, to the test's database.

    It sees only what is committed: use it in tests marked `django_db(transaction=True)`.
    """
    with CLUSTER.connect(OWNER, connections["default"].settings_dict["NAME"]) as connection:
        yield connection


def _flush_as_superuser(operations: Any, statements: list[str]) -> None:
    """Empties the tables after a transactional test, which the ledger's triggers would refuse.

    Only this goes around them; a test's own statements meet them. Deleting a few rows is much
    quicker than truncating every table.
    """
    tables = sorted(set(re.findall(r'"([a-z_0-9]+)"', " ".join(statements))))
    filled = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables
    )
    database = operations.connection.settings_dict["NAME"]
    with CLUSTER.connect(SUPERUSER, database) as connection, connection.transaction():
        connection.execute("SET LOCAL lock_timeout = '20s'")  # a connection somebody left open
        connection.execute("SET LOCAL session_replication_role = replica")
        for (table,) in connection.execute(filled).fetchall():
            connection.execute(f"DELETE FROM {table}")

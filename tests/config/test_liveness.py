"""A pooled connection is looked at before it is used, and asked only when it says something."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg_pool import ConnectionPool

from config import embedded
from config.cluster import APPLICATION, OWNER, SUPERUSER, Cluster
from config.postgres import liveness


@pytest.fixture
def pool(cluster: Cluster) -> Iterator[ConnectionPool]:
    embedded.ensure(cluster)
    address = f"host={cluster.sockets} user={APPLICATION} dbname=postgres"
    with ConnectionPool(address, min_size=1, max_size=1, check=liveness.check) as made:
        made.wait(10)
        yield made


def test_a_quiet_connection_is_used_without_a_question(pool, monkeypatch):
    asked = []
    monkeypatch.setattr(ConnectionPool, "check_connection", staticmethod(asked.append))
    with pool.connection() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert asked == []


def test_a_connection_that_the_server_has_ended_is_replaced_before_it_is_used(pool, cluster):
    with pool.connection() as connection:
        [former] = connection.execute("SELECT pg_backend_pid()").fetchone()
    with cluster.connect(SUPERUSER, "postgres") as superuser:
        superuser.execute("SELECT pg_terminate_backend(%s, 5000)", [former])
    with pool.connection() as connection:
        [present] = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert present != former


def test_a_connection_that_was_closed_here_is_not_used(cluster):
    embedded.ensure(cluster)
    connection = cluster.connect(OWNER, "postgres")
    connection.close()
    with pytest.raises(psycopg.OperationalError):
        liveness.check(connection)


def test_a_notice_does_not_end_a_connection(pool, cluster):
    with pool.connection() as connection:
        [process] = connection.execute("SELECT pg_backend_pid()").fetchone()
        connection.execute("LISTEN bell")
    with cluster.connect(APPLICATION, "postgres") as other:
        other.execute("NOTIFY bell")
    with pool.connection() as connection:
        assert connection.execute("SELECT pg_backend_pid()").fetchone() == (process,)

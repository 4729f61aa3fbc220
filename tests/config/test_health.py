"""/healthz and /readyz."""

import pytest
from django.db import connection

from config import health

pytestmark = pytest.mark.django_db


def test_healthz_asks_no_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_both_answer_under_any_host_name_and_without_tls(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    for path in ("/healthz", "/readyz"):
        assert client.get(path, headers={"host": "10.1.2.3"}).status_code == 200


def test_readyz_says_that_all_is_well(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "ok",
        "database": True,
        "migrations": True,
        "outbox_age": 0.0,
    }


def test_readyz_is_503_while_a_migration_is_missing(client):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'consents'")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["database"], answer.json()["migrations"]) == (True, False)


@pytest.fixture
def unreachable():
    """The database gone, and a pool that waits a moment only."""
    settings = connection.settings_dict
    good, pool = settings["HOST"], settings["OPTIONS"]["pool"]
    connection.close()
    connection.close_pool()
    settings["HOST"], settings["OPTIONS"]["pool"] = "/nowhere", pool | {"timeout": 0.1}
    yield
    connection.close()
    connection.close_pool()
    settings["HOST"], settings["OPTIONS"]["pool"] = good, pool


@pytest.mark.django_db(transaction=True)
def test_readyz_is_503_while_the_database_does_not_answer(client, unreachable):
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] is False
    assert "/nowhere" not in answer.content.decode()


def test_readyz_tells_the_age_of_the_oldest_change_that_is_due(client, monkeypatch):
    monkeypatch.setattr(health, "_outbox_age", lambda: 12.5)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["outbox_age"]) == (200, 12.5)

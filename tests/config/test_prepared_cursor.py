"""Statements that the server plans once a connection, and values that never stand in their text."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import environ
import pytest
from django.conf import settings
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext

from config.environment import database

pytestmark = pytest.mark.django_db
SQL = "SELECT %(id)s::uuid, %(at)s::timestamptz, %(words)s::text[], %(none)s::text IS NULL"
VALUES = {
    "id": UUID(int=7),
    "at": datetime(2026, 3, 1, 12, 30, 15, 250_000, tzinfo=UTC),
    "words": ["it's", 'a "word"', "%s"],
    "none": None,
}


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql")
        [count] = cursor.fetchone()
    return count


def fetch(sql, values=None):
    with connection.prepared_cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()


def test_a_statement_is_prepared_once_for_all_its_calls():
    before = prepared()
    fetch(SQL, VALUES)
    assert prepared() == before + 1
    fetch(SQL, {**VALUES, "id": UUID(int=8)})
    assert prepared() == before + 1


def test_values_come_back_as_they_went_in():
    assert fetch(SQL, VALUES) == (VALUES["id"], VALUES["at"], VALUES["words"], True)


def test_other_statements_are_not_prepared():
    before = prepared()
    for _ in range(10):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::text", ["plain"])
    assert prepared() == before


def test_it_counts_among_the_queries():
    with CaptureQueriesContext(connection) as captured:
        fetch(SQL, VALUES)
    assert len(captured) == 1


def test_its_errors_are_cleaned_as_all_are():
    with pytest.raises(DataError) as caught, transaction.atomic():
        fetch("SELECT %(text)s::text::integer", {"text": "a46732001122"})
    assert (caught.value.sqlstate, "46732001122" in str(caught.value)) == ("22P02", False)


@pytest.mark.parametrize(("word", "threshold"), [("true", 0), ("false", None), ("", 0)])
def test_preparing_can_be_switched_off_for_a_pooler(monkeypatch, word, threshold):
    monkeypatch.setenv("DATABASE_PREPARE", word)
    options = database(environ.Env(), settings.CLUSTER, as_owner=False)["OPTIONS"]
    assert options["prepare_threshold"] == threshold


def test_without_preparing_the_answers_are_the_same(monkeypatch):
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    before = prepared()
    assert fetch(SQL + ", 'not prepared'", VALUES)[0] == VALUES["id"]
    assert prepared() == before

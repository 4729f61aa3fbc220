"""What the database itself keeps the application from doing."""

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

REFUSED = pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consents_consentevent SET action = 'opt_in'",
        "DELETE FROM consents_consentevent",
        "TRUNCATE consents_consentevent CASCADE",
        "ALTER TABLE consents_consentevent DISABLE TRIGGER USER",
        "DROP TABLE consents_consentevent",
        "CREATE TABLE public.mine (id int)",
    ],
)


@pytest.mark.django_db
@REFUSED
def test_the_applications_role_may_not(statement):
    with (
        pytest.raises(ProgrammingError) as info,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert info.value.sqlstate == "42501"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET action = action", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_the_ledgers_own_trigger_refuses_even_its_owner(statement, as_owner):
    with pytest.raises(psycopg.errors.RestrictViolation):
        as_owner.execute(statement.format("consents_consentevent"))


@pytest.mark.django_db
def test_the_application_reads_and_adds_in_every_table():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT'))"
        )
        assert cursor.fetchall() == []

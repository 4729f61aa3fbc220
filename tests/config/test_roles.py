"""What the database itself keeps the application from doing."""

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from config import roles

REFUSED = pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consents_consentevent SET action = 'opt_in'",
        "DELETE FROM consents_consentevent",
        "TRUNCATE consents_consentevent CASCADE",
        "ALTER TABLE consents_consentevent DISABLE TRIGGER USER",
        "DROP TABLE consents_consentevent",
        "UPDATE consents_seal SET count = count",
        "DELETE FROM consents_seal",
        "TRUNCATE consents_seal",
        "ALTER TABLE consents_seal DISABLE TRIGGER USER",
        "DELETE FROM consents_sealkey",
        "UPDATE consents_notice SET text = text",
        "ALTER TABLE consents_notice DISABLE TRIGGER USER",
        "TRUNCATE consents_eventdetail",
        "SET session_replication_role = replica",
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
@pytest.mark.parametrize("table", roles.APPEND_ONLY_TABLES)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
def test_an_append_only_tables_own_trigger_refuses_even_its_owner(statement, table, as_owner):
    column = "number" if table == "consents_seal" else "id"
    with pytest.raises(psycopg.errors.RestrictViolation):
        as_owner.execute(statement.replace("id", column).format(table))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["consents_eventdetail", "consents_evidencefile"])
def test_evidence_cannot_be_truncated_even_by_its_owner(as_owner, table):
    with pytest.raises(psycopg.errors.RestrictViolation):
        as_owner.execute(f"TRUNCATE {table}")


@pytest.mark.django_db
def test_the_application_reads_and_adds_in_every_table():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regclass FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
            " AND NOT (has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT'))"
        )
        assert cursor.fetchall() == []

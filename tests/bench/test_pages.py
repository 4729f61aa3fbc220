"""Finding statements in PostgreSQL's log, and among them those that count the ledger."""

from __future__ import annotations

import pytest

from bench.pages import counts_the_ledger, statements

LOG = """\
2026-01-01 10:00:00.000 UTC [7] LOG:  statement: SELECT 1
2026-01-01 10:00:00.001 UTC [7] LOG:  parameter "log_statement" changed to "all"
2026-01-01 10:00:00.002 UTC [7] LOG:  statement: SELECT a
\tFROM b
2026-01-01 10:00:00.003 UTC [8] LOG:  execute <unnamed>: SELECT c
"""


def test_statements_are_found_over_several_lines_and_in_either_protocol():
    assert statements(LOG) == ["SELECT 1", "SELECT a\n\tFROM b", "SELECT c"]


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT COUNT(*) AS "__count" FROM "consents_consentevent"',
        "select count (id) from consents_consentevent where sender_id = 'x'",
        "SELECT count(*) FROM consents_standing JOIN consents_consentevent ON true",
    ],
)
def test_an_unbounded_count_of_the_ledger_is_found(statement):
    assert counts_the_ledger(statement)


@pytest.mark.parametrize(
    "statement",
    [
        'SELECT COUNT(*) FROM (SELECT 1 FROM "consents_consentevent" LIMIT 1001) subquery',
        'SELECT COUNT(*) FROM "consents_purpose"',
        'SELECT "consents_consentevent"."id" FROM "consents_consentevent" LIMIT 50',
        "SELECT discount(id) FROM consents_consentevents",
    ],
)
def test_bounded_counts_and_other_tables_are_no_matter(statement):
    assert not counts_the_ledger(statement)

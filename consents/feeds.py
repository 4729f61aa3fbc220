"""How far a list can be read in the order of its numbers without missing a row.

A row takes its number as it goes in and is seen when its transaction commits, so a lower number
may appear after a higher one. Every transaction that puts rows in holds a lock, until it ends,
that says which number was the last before its first (the migrations `horizon`).
"""

from __future__ import annotations

from django.db import connection
from django.db.models import Model


def horizon(table: type[Model]) -> int:
    """The number up to which every row that will ever be is there, for whatever is read after this.

    Of a table with a trigger `enter_feed`. Inside a transaction that has put rows in itself, its
    own count as there.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT consents_horizon(%s::regclass)", [table._meta.db_table])
        [number] = cursor.fetchone()
    found: int = number
    return found

"""Transactions that need not wait for the disk: what a crash takes back is done again."""

from __future__ import annotations

from django.db import connection


def commit_without_waiting() -> None:
    """Let this transaction's commit be answered before it is on the disk.

    A crash of the database may take back the last of them, each whole, and in their order. What
    waits for the disk later waits for them too.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO off")

"""Looks for words in the whole database: in every column of every table, and in a dump of it."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from django.db import connection

from config.cluster import OWNER, programs
from tests.conftest import CLUSTER

LONG = 9


def spellings(word: str) -> set[str]:
    """As it may stand in texts, in bytes shown as hex, and in the middle of base64.

    Of a short word's base64 too little is left to be looked for.
    """
    plain = word.encode()
    inner = {
        base64.b64encode(b"\0" * shift + plain).decode().rstrip("=")[2 * shift : -2]
        for shift in range(3)
        if len(word) >= LONG
    }
    return {word, word.lower(), quote(word), plain.hex(), *inner}


def columns_with(words: Iterable[str]) -> list[str]:
    """`table.column` of every column of the database that holds one of these words."""
    wanted = [f"%{_escaped(text)}%" for word in words for text in spellings(word)]
    return [f"{table}.{column}" for table, column in _columns() if _holds(table, column, wanted)]


def dumped_with(words: Iterable[str]) -> list[str]:
    """The lines of a full dump that hold one of these words. It sees only what is committed."""
    database = connection.settings_dict["NAME"]
    dump = subprocess.run(
        [programs() / "pg_dump", "--data-only", "-h", CLUSTER.sockets, "-U", OWNER, database],
        check=True,
        capture_output=True,
    ).stdout.decode()
    wanted = [text for word in words for text in spellings(word)]
    return [line for line in dump.splitlines() if any(text in line for text in wanted)]


def _columns() -> Iterator[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1, 2"
        )
        yield from cursor.fetchall()


def _holds(table: str, column: str, wanted: list[str]) -> bool:
    """Whatever its type, its text; bytes as text too, where they are any."""
    name = connection.ops.quote_name(column)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT EXISTS (SELECT FROM {connection.ops.quote_name(table)} "
            f"WHERE {name}::text ILIKE ANY(%s) OR CASE WHEN pg_typeof({name}) = 'bytea'::regtype "
            f"THEN encode({name}::text::bytea, 'escape') ILIKE ANY(%s) END)",
            [wanted, wanted],
        )
        [found] = cursor.fetchone()
    return bool(found)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")

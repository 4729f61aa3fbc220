"""Many rows changed by one statement: Django's own way takes a condition for every value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Model


def update_rows(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write these fields of these rows, all of one model, as the instances have them."""
    if not rows:
        return
    meta = type(rows[0])._meta
    pk = meta.pk
    columns: list[Any] = [pk, *(meta.get_field(name) for name in fields)]
    types = [str(column.db_type(connection)) for column in columns]
    values = [_values(column, type, rows) for column, type in zip(columns, types, strict=True)]
    arrays = ", ".join(f"%s::{'text' if _is_array(type) else type}[]" for type in types)
    changes = ", ".join(
        f"{column.column} = new.{column.column}" + (f"::{type}" if _is_array(type) else "")
        for column, type in zip(columns[1:], types[1:], strict=True)
    )
    names = ", ".join(column.column for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {meta.db_table} AS old SET {changes} "  # noqa: S608 - names are ours
            f"FROM unnest({arrays}) AS new({names}) WHERE old.{pk.column} = new.{pk.column}",
            values,
        )


def _is_array(type: str) -> bool:
    """Arrays of arrays would be taken apart altogether, so they travel as text."""
    return type.endswith("[]")


def _values(column: Any, type: str, rows: Sequence[Model]) -> list[Any]:
    values = [column.get_db_prep_save(getattr(row, column.attname), connection) for row in rows]
    if _is_array(type):
        return [f"{{{','.join(map(str, value))}}}" for value in values]
    return values

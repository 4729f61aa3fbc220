"""Cursors for the few statements that are asked all day."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, cast

from django.db import connection
from django.db.models import Model


def prepared() -> AbstractContextManager[Any]:
    """A cursor whose statements the server plans once for each connection.

    Our backend's own, which Django's types do not know.
    """
    return cast(AbstractContextManager[Any], cast(Any, connection).prepared_cursor())


def array(values: Iterable[object]) -> str:
    """An array of ids, numbers or plain words as PostgreSQL writes one, to be cast to it.

    The driver makes one by some steps of Python for each value, which tells where there are many.
    """
    return f"{{{','.join(map(str, values))}}}"


def columns_of(model: type[Model]) -> list[str]:
    """The names of its columns, in the order in which `from_db` takes their values."""
    return [field.attname for field in model._meta.concrete_fields]

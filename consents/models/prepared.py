"""Cursors for the few statements that are asked all day."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, cast

from django.db import connection


def prepared() -> AbstractContextManager[Any]:
    """A cursor whose statements the server plans once for each connection.

    Our backend's own, which Django's types do not know.
    """
    return cast(AbstractContextManager[Any], cast(Any, connection).prepared_cursor())

"""Database errors that may be logged: the same type, without what they quote.

PostgreSQL's DETAIL quotes the row or key at fault, CONTEXT and the messages of class 22 (data
exceptions) quote single values, and psycopg puts all of them into `str(error)`.
Source: PostgreSQL's manual, "Error and Notice Message Fields" and "PostgreSQL Error Codes".
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

import psycopg
from django.db import utils

# From the special to the general, since each is a subclass of a later one.
_DJANGO_TYPES: tuple[type[utils.Error], ...] = (
    utils.DataError,
    utils.OperationalError,
    utils.IntegrityError,
    utils.InternalError,
    utils.ProgrammingError,
    utils.NotSupportedError,
    utils.DatabaseError,
    utils.InterfaceError,
    utils.Error,
)


class CleanErrors(utils.DatabaseErrorWrapper):
    """Re-raises the driver's errors as Django's, cleaned.

    The new error has `sqlstate` (five characters, or None for an error of the driver's own) and
    `constraint_name` (or None); nothing leads from it to the driver's error.
    """

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not isinstance(exc_value, psycopg.Error):
            return
        clean = cleaned(exc_value)
        # Django discards a connection after these only.
        if not isinstance(clean, utils.DataError | utils.IntegrityError):
            self.wrapper.errors_occurred = True  # type: ignore[attr-defined]
        _raise_alone(clean, traceback)


def cleaned(error: psycopg.Error) -> utils.Error:
    """Django's error for this one of psycopg, which may be shown and logged."""
    clean: Any = _django_type(error)(_message(error))
    clean.sqlstate = error.sqlstate
    clean.constraint_name = error.diag.constraint_name
    return clean  # type: ignore[no-any-return]


def _django_type(error: psycopg.Error) -> type[utils.Error]:
    for candidate in _DJANGO_TYPES:
        if isinstance(error, getattr(psycopg, candidate.__name__)):
            return candidate
    return utils.Error


def _message(error: psycopg.Error) -> str:
    if isinstance(error, psycopg.DataError):
        return f"{type(error).__name__} ({error.sqlstate or 'refused by the driver'})"
    return error.diag.message_primary or str(error)


def _raise_alone(error: utils.Error, traceback: TracebackType | None) -> None:
    """`from None` only hides the error being handled; what walks `__context__` would find it."""
    try:
        raise error.with_traceback(traceback) from None
    except utils.Error:
        error.__context__ = None
        raise

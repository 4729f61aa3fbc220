"""What all tables share."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from uuid import UUID

from django.core.validators import RegexValidator
from django.db import models
from django.db.models.expressions import Func, Value
from uuid_utils import uuid7 as _uuid7
from uuid_utils.compat import uuid7

LANGUAGE_MAX = 35
LANGUAGE_TAG = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*\Z"
is_language_tag = RegexValidator(LANGUAGE_TAG, "A BCP 47 tag.")


def new_id() -> UUID:
    """A UUIDv7: unique across machines, near its neighbours on disk. Never an order."""
    return uuid7()


def new_id_text() -> str:
    """The same as text, for a row that goes to the database and is not looked at: a fifth of it."""
    return str(_uuid7())


def choices(words: Iterable[StrEnum]) -> list[tuple[str, str]]:
    return [(word.value, word.value.replace("_", " ")) for word in words]


def one_of(field: str, words: Iterable[StrEnum]) -> models.CheckConstraint:
    """The database's own word that a column holds one of these."""
    return models.CheckConstraint(
        name=f"%(class)s_{field}_known",
        condition=models.Q(**{f"{field}__in": [word.value for word in words]}),
    )


class ClockTimestamp(Func):
    """The database's clock at the instant the statement reaches it, not its transaction's."""

    template = "clock_timestamp()"
    output_field = models.DateTimeField()


def sequence_field(sequence: str) -> models.BigIntegerField[int, int]:
    """A number that the database takes from its sequence as the row goes in."""
    following = Func(Value(sequence), function="nextval", output_field=models.BigIntegerField())
    return models.BigIntegerField(unique=True, editable=False, db_default=following)

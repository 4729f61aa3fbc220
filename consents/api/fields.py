"""Takes single values out of what was sent, by name and type; what is not known is refused."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from consents import timestamps
from consents.api.errors import ApiError
from consents.errors import ConsentError

_NAME_SHOWN: Final = 50
_PLUS_READ_AS_SPACE: Final = re.compile(r" (\d\d:?\d\d)$")
_TIME_MAX: Final = 64


class Fields:
    """The fields of a body, or the parameters of a query.

    A name outside `known` is refused: a misspelt `occurred_at` must not be passed over. `null` is
    the same as leaving a field out, except where `has` is asked; one of `required` must be there.
    """

    def __init__(
        self,
        given: Mapping[str, Any],
        known: Collection[str],
        *,
        required: Collection[str] = (),
        kind: str = "field",
    ) -> None:
        for name in given:
            if name not in known:
                raise _unknown(name, known, kind)
        self._given = given
        for name in required:
            if given.get(name) is None:
                raise _missing(name)

    def has(self, name: str) -> bool:
        return name in self._given

    def raw(self, name: str) -> Any:
        """The value as it was sent; None when it was left out."""
        return self._given.get(name)

    def text(self, name: str) -> str:
        """Text that can be stored; empty when left out. Raises ConsentError `invalid_<name>`."""
        value = self._given.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ConsentError(f"invalid_{name}", "This must be text.", name)
        if "\0" in value or not is_storable(value):
            message = "This text holds characters that cannot be kept."
            raise ConsentError(f"invalid_{name}", message, name)
        return value

    def required_text(self, name: str) -> str:
        """Raises ConsentError `<name>_required` when it is empty or left out."""
        value = self.text(name)
        if not value.strip():
            raise _missing(name)
        return value

    def items(self, name: str, limit: int) -> list[Any]:
        """A list of at most `limit`. Raises ConsentError `<name>_required`, `too_many_items`."""
        value = self._given.get(name)
        if not isinstance(value, list):
            raise ConsentError(f"{name}_required", "This must be a list.", name)
        if len(value) > limit:
            raise ConsentError("too_many_items", f"At most {limit} at a time.", name)
        return value

    def time(self, name: str) -> datetime | None:
        """A time in ISO 8601 with its zone, as UTC. Raises ConsentError `invalid_<name>`."""
        value = self._given.get(name)
        return None if value is None else moment(value, name)

    def whole_number(self, name: str) -> int | None:
        """A number that JSON Schema calls an integer, as `7` and `7.0`; None when left out.

        Raises ConsentError `invalid_<name>`, also for one that is written as text.
        """
        value = self._given.get(name)
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if value is None or (isinstance(value, int) and not isinstance(value, bool)):
            return value
        raise ConsentError(f"invalid_{name}", "This must be a whole number.", name)

    def uuid(self, name: str) -> UUID | None:
        """Raises ConsentError `invalid_<name>` for what is no UUID."""
        value = self.text(name)
        if not value:
            return None
        if (found := as_uuid(value)) is None:
            raise ConsentError(f"invalid_{name}", "This must be a UUID.", name)
        return found

    def word(self, name: str, words: Collection[str]) -> str:
        """One of these words; empty when left out. Raises ConsentError `unknown_<name>`."""
        value = self.text(name)
        if self.raw(name) is not None and value not in words:
            raise ConsentError(f"unknown_{name}", f"There is no such {name}.", name)
        return value

    def flag(self, name: str) -> bool:
        """`true` or `false` in a query; False when left out."""
        return self.word(name, ("true", "false")) == "true"


class Query(Fields):
    """The parameters of a query.

    One given twice is refused: which counts is anybody's guess. So is an empty one: of a filter
    whose value got lost, everything must not be the answer.
    """

    def __init__(self, given: Mapping[str, list[str]], known: Collection[str]) -> None:
        super().__init__(
            {name: values[0] for name, values in given.items()}, known, kind="parameter"
        )
        for name, values in given.items():
            if len(values) > 1:
                raise ConsentError(f"invalid_{name}", "This parameter is given twice.", name)
            if not values[0]:
                raise ConsentError(f"invalid_{name}", "This parameter is empty.", name)

    def time(self, name: str) -> datetime | None:
        """As in a body, also with the `+` of its zone unescaped, which arrives as a space."""
        value = self.text(name)
        return moment(_PLUS_READ_AS_SPACE.sub(r"+\1", value), name) if value else None


def is_storable(text: str) -> bool:
    """Lone surrogates can be written in JSON, but not in UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def moment(value: object, name: str) -> datetime:
    """Raises ConsentError `invalid_<name>`, also for a time that does not say its zone."""
    try:
        if isinstance(value, str) and len(value) <= _TIME_MAX:
            return timestamps.read(value)
    except ValueError:
        pass
    message = "This must be an ISO 8601 time with its zone."
    raise ConsentError(f"invalid_{name}", message, name)


def shown_time(time: datetime | None) -> str | None:
    """UTC with microseconds, as `2026-01-31T12:00:00.000000Z`."""
    return None if time is None else timestamps.written(time)


def _missing(name: str) -> ConsentError:
    return ConsentError(f"{name}_required", "This is required.", name)


def _unknown(name: str, known: Collection[str], kind: str) -> ApiError:
    shown = name[:_NAME_SHOWN].encode("ascii", "backslashreplace").decode()
    message = f"There is no {kind} of this name here; misspelt?"
    return ApiError(400, f"unknown_{kind}", message, shown, {"known": sorted(known)})

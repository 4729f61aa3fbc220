"""Whose an identity is, and what a contact is called, as a file says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.core.exceptions import ValidationError

from consents.entries import is_storable
from consents.errors import ConsentError
from consents.models import Contact


class Names(NamedTuple):
    """A contact by the sender's own id for it; what it is called counts where it is new."""

    external_id: str
    display_name: str = ""
    language: str = ""


_CONTACT: Final[Any] = Contact._meta
_LENGTHS: Final = {name: _CONTACT.get_field(name).max_length for name in Names._fields}


def names_in(values: Mapping[str, str]) -> Names | None:
    """None where the row does not say whose the identity is.

    Raises ConsentError `invalid_external_id`, `invalid_display_name`, `invalid_language`.
    """
    external_id = values.get("external_id", "").strip()
    if not external_id:
        return None
    names = Names(external_id, values.get("display_name", ""), values.get("language", ""))
    for name, value in zip(Names._fields, names, strict=True):
        if len(value) > _LENGTHS[name]:
            _raise(name, f"This has at most {_LENGTHS[name]} characters.")
        if not is_storable(value):
            _raise(name, "This text holds characters that cannot be kept.")
    if problem := _problem_with_language(names.language):
        _raise("language", problem)
    return names


def _raise(name: str, message: str) -> None:
    raise ConsentError(f"invalid_{name}", message, name)


@lru_cache(maxsize=1000)
def _problem_with_language(language: str) -> str:
    """Of a list's languages there are few, and Django's validators are slow."""
    try:
        _CONTACT.get_field("language").clean(language, None)
    except ValidationError as invalid:
        return " ".join(invalid.messages)
    return ""

"""In which language a page speaks: the one asked for, the contact's own, the browser's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.http import HttpRequest
from django.utils import translation

from consents.models import Contact

PARAMETER: Final = "language"


@dataclass(frozen=True, slots=True)
class Choice:
    code: str
    name: str


def of(request: HttpRequest, contact: Contact | None) -> str:
    """One of the codes in the setting LANGUAGES."""
    for tag in (request.GET.get(PARAMETER, ""), contact.language if contact else ""):
        if spoken := _spoken(tag):
            return spoken
    return translation.get_language_from_request(request)


def choices() -> Sequence[Choice]:
    """Every language there is, each by the name its speakers have for it."""
    return [Choice(code, str(name)) for code, name in settings.LANGUAGES]


def _spoken(tag: str) -> str | None:
    """`sv` for `sv`, `sv-SE` and `sv_SE`; None for what no page speaks."""
    try:
        return translation.get_supported_language_variant(tag.replace("_", "-").lower())
    except LookupError:
        return None

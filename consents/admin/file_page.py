"""The file of a person as a page that can be printed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

_FOR_PROGRAMS: Final = "content"
"""Of a file: pages of base64 tell nobody anything on paper."""


def printed(request: HttpRequest, admin: Any, file: Mapping[str, Any]) -> HttpResponse:
    """The page, made of the file as programs read it."""
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.model._meta,
        "title": "All that is known of a person",
        "written_at": file["written_at"],
        "names": _pairs(file["contact"]),
        "held": [(_words(name), list(map(_pairs, rows))) for name, rows in file["held"].items()],
    }
    return TemplateResponse(request, "admin/consents/contact/file.html", context)


def _pairs(row: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    """What a row says; what it does not say is left out."""
    return list(_said(row))


def _said(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in row.items():
        if name != _FOR_PROGRAMS and value not in (None, "", [], {}):
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield _words(name), text


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()

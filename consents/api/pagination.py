"""Lists, newest first, in pages that stay put while new lines come in."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from consents.api.fields import Query
from consents.errors import ConsentError

LIMIT_MAX: Final = 500
LIMIT_DEFAULT: Final = 50
PARAMETERS: Final = ("limit", "cursor")

_OLDER, _NEWER = "o", "n"
_SEQ_MAX: Final = 2**63 - 1

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows, and the cursors that continue in either direction, None where nothing follows."""

    rows: list[Row]
    next: str | None
    previous: str | None

    def links(self, request: Request) -> dict[str, str | None]:
        return {"next": _link(request, self.next), "previous": _link(request, self.previous)}


def limit_of(query: Query) -> int:
    """Raises ConsentError `invalid_limit` for anything but 1 to 500."""
    text = query.text("limit") or str(LIMIT_DEFAULT)
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LIMIT_MAX):
        raise ConsentError("invalid_limit", f"The limit is 1 to {LIMIT_MAX}.", "limit")
    return int(text)


def page_of(rows: QuerySet[Row], query: Query, *, by: str) -> Page[Row]:
    """One page of `rows`, which are told apart and ordered by the field `by`: `seq` or `id`.

    Raises ConsentError `invalid_limit` and `invalid_cursor`.
    """
    limit = limit_of(query)
    direction, value = _position(query.text("cursor"), by)
    if direction == _NEWER:
        found = list(rows.filter(**{f"{by}__gt": value}).order_by(by)[: limit + 1])
        page, more = found[:limit][::-1], len(found) > limit
        return Page(page, _cursor(_OLDER, page, -1, by), _cursor(_NEWER, page, 0, by, more=more))
    older = rows.filter(**{f"{by}__lt": value}) if value is not None else rows
    found = list(older.order_by(f"-{by}")[: limit + 1])
    page, more = found[:limit], len(found) > limit
    is_first = value is None
    return Page(
        page,
        _cursor(_OLDER, page, -1, by, more=more),
        _cursor(_NEWER, page, 0, by, more=not is_first),
    )


def _cursor(direction: str, page: list[Any], at: int, by: str, *, more: bool = True) -> str | None:
    if not (more and page):
        return None
    text = f"{direction}{getattr(page[at], by)}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _position(cursor: str, by: str) -> tuple[str, int | UUID | None]:
    if not cursor:
        return _OLDER, None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        direction, value = text[:1], text[1:]
        if direction not in (_OLDER, _NEWER):
            raise ValueError
        return direction, _sequence(value) if by == "seq" else UUID(value)
    except (ValueError, binascii.Error):
        message = "A cursor is taken from an earlier answer, as it is."
        raise ConsentError("invalid_cursor", message, "cursor") from None


def _sequence(text: str) -> int:
    if not text.isdigit() or len(text) > 19 or int(text) > _SEQ_MAX:
        raise ValueError
    return int(text)


def _link(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    return str(replace_query_param(request.build_absolute_uri(), "cursor", cursor))

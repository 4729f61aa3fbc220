"""Lists, newest first, in pages that stay put while new lines come in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from consents import feeds
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


def page_of(rows: QuerySet[Row], query: Query) -> Page[Row]:
    """One page of `rows`, to be looked at: newest first, by id.

    `previous` is None on the page with the newest row. Raises ConsentError `invalid_limit` and
    `invalid_cursor`.
    """
    limit = limit_of(query)
    direction, at = _position(query.text("cursor"), UUID)
    if direction == _NEWER:
        found, more = _newer(rows, "id", at, limit)
        older = _cursor(_OLDER, found[-1].pk) if found else None
        return Page(found, older, _cursor(_NEWER, found[0].pk) if more else None)
    found, more = _older(rows, "id", at, limit)
    newer = _cursor(_NEWER, found[0].pk) if found and at is not None else None
    return Page(found, _cursor(_OLDER, found[-1].pk) if more else None, newer)


def feed_of(rows: QuerySet[Row], query: Query) -> Page[Row]:
    """One page of `rows`, to be looked at or followed: newest first, by `seq`.

    Whoever follows `previous` misses no row, however late it was committed, since that way ends
    at the horizon; what was shown beyond the horizon is shown again. It goes on beyond the newest
    row, so it is never None. Raises ConsentError `invalid_limit` and `invalid_cursor`.
    """
    limit = limit_of(query)
    direction, at = _position(query.text("cursor"), _sequence)
    # Before the rows are read, so that all up to there are among them.
    settled = feeds.horizon(rows.model)
    if direction == _NEWER:
        found, more = _newer(rows.filter(seq__lte=settled), "seq", at, limit)
        reached = _seq(found[0]) if more else max(at, settled)
        older = _cursor(_OLDER, _seq(found[-1])) if found else None
        return Page(found, older, _cursor(_NEWER, reached))
    found, more = _older(rows, "seq", at, limit)
    reached = settled if at is None else max(0, min(at - 1, settled))
    older = _cursor(_OLDER, _seq(found[-1])) if more else None
    return Page(found, older, _cursor(_NEWER, reached))


def _older(rows: QuerySet[Row], by: str, before: Any, limit: int) -> tuple[list[Row], bool]:
    """The newest below `before`, else of all; and whether more follow."""
    older = rows.filter(**{f"{by}__lt": before}) if before is not None else rows
    found = list(older.order_by(f"-{by}")[: limit + 1])
    return found[:limit], len(found) > limit


def _newer(rows: QuerySet[Row], by: str, after: Any, limit: int) -> tuple[list[Row], bool]:
    """The oldest above `after`, the newest of them first; and whether more follow."""
    found = list(rows.filter(**{f"{by}__gt": after}).order_by(by)[: limit + 1])
    return found[:limit][::-1], len(found) > limit


def _seq(row: Any) -> int:
    seq: int = row.seq
    return seq


def _cursor(direction: str, at: object) -> str:
    return base64.urlsafe_b64encode(f"{direction}{at}".encode()).decode().rstrip("=")


def _position(cursor: str, read: Callable[[str], Any]) -> tuple[str, Any]:
    if not cursor:
        return _OLDER, None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
        if text[:1] not in (_OLDER, _NEWER):
            raise ValueError
        return text[:1], read(text[1:])
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

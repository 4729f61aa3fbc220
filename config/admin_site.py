"""The admin's site: Unfold's, with the content policy that its scripts need."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from unfold.sites import UnfoldAdminSite

View = Callable[..., HttpResponse]

# Alpine, which Unfold is built on, evaluates its attributes and sets inline styles. Only pages
# of the admin may do so.
_relaxed: Any = csp_update({"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]})


class OptbookAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    index_title = "Home"

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        relaxed: View = _relaxed(super().admin_view(view, cacheable))
        return relaxed

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer: HttpResponse = _relaxed(super().login)(request, extra_context)
        return answer

"""What every page for people has: a link that works, bounded bodies and rates, no traces."""

from __future__ import annotations

import logging
import math
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from csp.constants import NONE, SELF
from csp.decorators import csp_replace
from django.core.exceptions import BadRequest, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_exempt
from django.views.generic import View

from consents import links
from consents.errors import ConsentError
from consents.links import Bearer
from consents.models import Contact
from consents.pages import languages, texts, visitors
from consents.pages.texts import Notice

log = logging.getLogger(__name__)

BODY_MAX: Final = 64 * 1024
CONFIRMED: Final = ("confirm", "yes")
"""What the button of a page with one button sends."""

RETRY_AFTER: Final = 5
"""Seconds until a database that restarts should be back."""

_UNREADABLE: Final = (BadRequest, MultiPartParserError, SuspiciousOperation, UnreadablePostError)
_LEADS_NOWHERE: Final = ("no_identity", "unknown_purpose")
"""What the link was for has gone since."""

_POLICY: Final = {
    "default-src": [NONE],
    "style-src": [SELF],
    "img-src": [SELF],
    "form-action": [SELF],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
}
_NO_TRACES: Final = {
    # The address is the authority: it stays out of caches, other sites' logs and search engines.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


class Holder(Protocol):
    """Who holds a link that works."""

    @property
    def contact(self) -> Contact: ...


Held = TypeVar("Held", bound=Holder)


# There is no session and no cookie that a foreign page could make use of: whoever sends a form
# has the link, and whoever has the link may.
@method_decorator(csrf_exempt, name="dispatch")
@method_decorator(csp_replace(_POLICY), name="dispatch")
class PersonPage(View, Generic[Held]):
    """Asked by whoever holds a link. `bearer` is set for its methods.

    Every link that does not work gets the same answer, whatever the reason: what is known of a
    person is nobody else's business. A GET changes nothing, since programs that look whether a
    message is dangerous follow its links.
    """

    bearer: Held
    is_for_machines: ClassVar[bool] = False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer = self._answer(request, kwargs["token"])
        for name, value in _NO_TRACES.items():
            answer[name] = value
        patch_vary_headers(answer, ["Accept-Language"])
        return answer

    def _answer(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            return self._of_a_bearer(request, token)
        except (OperationalError, InterfaceError) as error:
            log.warning("No answer from the database (%s)", getattr(error, "sqlstate", None))
            return notice(request, texts.LATER, 503, retry_after=RETRY_AFTER)

    def _of_a_bearer(self, request: HttpRequest, token: str) -> HttpResponse:
        if "Transfer-Encoding" in request.headers:  # of such a body Django reads nothing
            return notice(request, texts.NOT_UNDERSTOOD, 411)
        if _length(request) > BODY_MAX:
            return notice(request, texts.NOT_UNDERSTOOD, 413)
        is_by_machine = self.is_for_machines and request.method == "POST" and links.is_ours(token)
        if quota := visitors.exceeded(request, token, is_by_machine=is_by_machine):
            wait = math.ceil(quota.resets_in.total_seconds())
            return notice(request, texts.TOO_OFTEN, 429, retry_after=wait)
        bearer = self.holder(token, timezone.now())
        if bearer is None:
            return notice(request, texts.NO_SUCH_LINK, 404)
        self.bearer = bearer
        with translation.override(languages.of(request, bearer.contact)):
            return self._by_method(request, token)

    def _by_method(self, request: HttpRequest, token: str) -> HttpResponse:
        try:
            answer = super().dispatch(request, token=token)
        except _UNREADABLE:
            return notice(request, texts.NOT_UNDERSTOOD, 400)
        except ConsentError as error:
            if error.code not in _LEADS_NOWHERE:
                raise
            return notice(request, texts.NO_SUCH_LINK, 404)
        assert isinstance(answer, HttpResponse)  # noqa: S101  no page streams
        return answer

    def holder(self, token: str, now: datetime) -> Held | None:
        """Whose link this is; None, after the same work, for every link that does not work."""
        raise NotImplementedError

    def page(self, template: str, **context: Any) -> HttpResponse:
        """The page in the language that was chosen."""
        return render(self.request, template, {**_frame(), **context})


class PreferenceLinkPage(PersonPage[Bearer]):
    """Asked by whoever holds a link to their preferences."""

    def holder(self, token: str, now: datetime) -> Bearer | None:
        return links.bearer(token, now)


def notice(
    request: HttpRequest, notice: Notice, status: int, *, retry_after: int | None = None
) -> HttpResponse:
    """A page that only says something, to somebody of whom nothing is known."""
    with translation.override(languages.of(request, None)):
        context = {**_frame(), "notice": notice}
        answer = render(request, "preferences/notice.html", context, status=status)
    if retry_after is not None:
        answer["Retry-After"] = str(retry_after)
    return answer


def _frame() -> dict[str, Any]:
    return {"language": translation.get_language(), "languages": languages.choices()}


def _length(request: HttpRequest) -> int:
    """As it is declared: no more than that is read."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0

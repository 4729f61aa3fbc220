"""Middleware that pages in a browser need, and that the requests of programs pass by.

A program shows a key with every request. It has no session, no login and no messages for a next
page, and the policy for browsers in its answer is always the same one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

PROGRAMS: Final = ("/api/v1/", "/api/v2/", "/v1/", "/whatsapp/v1/", "/oauth2/", "/callbacks/")
"""Where programs call. What is not named here is a page."""


class _ForPages(MiddlewareMixin):
    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if request.path_info.startswith(PROGRAMS):
            return self.get_response(request)
        return super().__call__(request)


class Sessions(_ForPages, SessionMiddleware):
    pass


class Logins(_ForPages, AuthenticationMiddleware):
    pass


class Messages(_ForPages, MessageMiddleware):
    pass


class BrowserPolicy(CSPMiddleware):
    """Makes a page's policy at every answer, since pages may widen it; that for programs once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        super().__init__(get_response)
        self._for_programs = build_policy()

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not request.path_info.startswith(PROGRAMS):
            return super().process_response(request, response)
        response.headers.setdefault(HEADER, self._for_programs)
        return response

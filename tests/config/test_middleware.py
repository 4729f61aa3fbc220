"""What pages need of middleware they have, and programs pay nothing for it."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import get_resolver
from django.utils.module_loading import import_string

from config.middleware import PROGRAMS

PAGES = ["/admin/login/", "/api/docs/", "/api/schema/", "/nowhere/", "/"]
CALLS = ["/api/v1/contacts/", "/api/v1/nowhere/", "/callbacks/nobody/", "/v1/projects/p/optins"]
GUARDS = {
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
POLICY = {
    *("default-src 'self'", "base-uri 'self'", "form-action 'self'"),
    *("frame-ancestors 'none'", "object-src 'none'"),
}


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*PAGES, *CALLS])
def test_every_answer_tells_browsers_what_they_may_do(path: str) -> None:
    answer = Client().get(path)
    assert {name: answer.headers[name] for name in GUARDS} == GUARDS
    assert set(answer.headers["Content-Security-Policy"].split("; ")) >= POLICY


def through(path: str) -> HttpRequest:
    """A request as a view under this path sees it."""
    seen: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    chain = view
    for name in reversed(settings.MIDDLEWARE):
        chain = import_string(name)(chain)
    request = HttpRequest()
    request.method, request.path = "GET", path
    request.path_info = path
    request.META = {"SERVER_NAME": "localhost", "SERVER_PORT": "8000"}
    chain(request)
    return seen[0]


@pytest.mark.parametrize("path", ["/admin/", "/api/docs/", "/anything/new/"])
def test_a_page_knows_who_looks_at_it(path: str) -> None:
    request = through(path)
    assert request.session.is_empty()
    assert not request.user.is_authenticated
    assert list(get_messages(request)) == []


@pytest.mark.parametrize("path", PROGRAMS)
def test_a_program_has_no_session_and_nobody_is_logged_in(path: str) -> None:
    request = through(f"{path}something/")
    assert not hasattr(request, "session")
    assert not hasattr(request, "user")


def test_only_doors_that_cookies_do_not_open_are_called_by_programs() -> None:
    exempt = [
        pattern
        for prefix, pattern in _patterns(get_resolver().url_patterns)
        if prefix.startswith(tuple(path.lstrip("/") for path in PROGRAMS))
    ]
    assert len(exempt) > 20
    assert all(getattr(pattern.callback, "csrf_exempt", False) for pattern in exempt)


def _patterns(patterns, prefix=""):
    for pattern in patterns:
        path = prefix + str(pattern.pattern).lstrip("^")
        if hasattr(pattern, "url_patterns"):
            yield from _patterns(pattern.url_patterns, path)
        else:
            yield path, pattern

"""How Optbook says no: one shape for every error under /api/, pages for people in the admin.

`{"error": {"code": "internal_error", "message": "A sentence for a person.", "field": null}}`
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from consents.api.errors import error_body

_UNDER_API = "/api/"
_UNDER_ADMIN = "/admin/"


def answer(code: str, message: str, status: int, field: str | None = None) -> JsonResponse:
    """The error as an answer; `code` is stable and part of the API."""
    return JsonResponse(error_body(code, message, field), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Also for a host that is not ours, before anything is known of who asks: never a page."""
    message = "The request cannot be understood."
    if request.path.startswith(_UNDER_ADMIN):
        return HttpResponse(f"{message}\n", status=400, content_type="text/plain")
    return answer("bad_request", message, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(_UNDER_API):
        return answer("permission_denied", "You may not do this.", 403)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith(_UNDER_API):
        return answer("not_found", "There is nothing at this address.", 404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith(_UNDER_API):
        message = "Something failed inside Optbook. It is in Optbook's log; try again later."
        return answer("internal_error", message, 500)
    return defaults.server_error(request)

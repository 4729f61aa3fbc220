"""The way past Django for what comes by the thousand in a second: a provider's callbacks.

They have no session, no form and no page, and get a status for an answer, so a request of Django's
would cost more than all that is done with them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection

from providers import callbacks

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

log = logging.getLogger(__name__)

_ADDRESS: Final = re.compile(r"/callbacks/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")
_LENGTH: Final = re.compile(r"[1-9][0-9]{0,9}")
_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_HEADERS: Final = (("Content-Length", "0"), ("X-Content-Type-Options", "nosniff"))


class FastLane:
    """A WSGI application that answers plain callbacks itself and leaves the rest to Django.

    Plain is a POST of a declared length to an address without a query, as encrypted as Optbook
    wants it. What is peculiar in any way goes to Django's view, which answers it alike.
    """

    def __init__(self, application: WSGIHandler) -> None:
        self._application = application

    def __call__(self, request: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        found = _ADDRESS.fullmatch(request["PATH_INFO"])
        if found is None or not _is_plain(request):
            return self._application(request, start_response)
        status = _take(UUID(found[1]), request)
        start_response(f"{status} {_REASONS[status]}", list(_HEADERS))
        return ()


def _is_plain(request: dict[str, Any]) -> bool:
    length = request.get("CONTENT_LENGTH") or ""
    return (
        request["REQUEST_METHOD"] == "POST"
        and not request.get("QUERY_STRING")
        and "HTTP_TRANSFER_ENCODING" not in request
        and _LENGTH.fullmatch(length) is not None
        and int(length) <= settings.API_BODY_MAX
        and (not settings.SECURE_SSL_REDIRECT or _is_encrypted(request))
    )


def _is_encrypted(request: dict[str, Any]) -> bool:
    if settings.SECURE_PROXY_SSL_HEADER is None:
        return bool(request["wsgi.url_scheme"] == "https")
    name, value = settings.SECURE_PROXY_SSL_HEADER
    return bool(request.get(name) == value)


def _take(account: UUID, request: dict[str, Any]) -> int:
    length = int(request["CONTENT_LENGTH"])
    body = request["wsgi.input"].read(length)
    if len(body) < length:
        return 400
    try:
        return callbacks.take(account, callbacks.Call(_headers(request), "", body))
    except Exception as error:
        # Its words may quote what came.
        log.error("A callback could not be taken (%s).", type(error).__name__)
        return 500
    finally:
        give_back_connection()


def give_back_connection() -> None:
    """As at the end of a request of Django's."""
    connection.close_if_unusable_or_obsolete()


def _headers(request: dict[str, Any]) -> dict[str, str]:
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in request.items()
        if name.startswith("HTTP_")
    }
    headers["content-type"] = request.get("CONTENT_TYPE") or ""
    return headers

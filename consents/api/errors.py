"""How the API says no: one shape for every error, with a status that says who must act.

`{"error": {"code": "unknown_channel", "message": "A sentence.", "field": "channel"}}`
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from consents.errors import ConsentError
from consents.idempotency import OutcomeUnknown

log = logging.getLogger(__name__)

RETRY_AFTER: Final = 2
"""Seconds until a database that restarts, or a deadlock, should be over."""

_STATUS: Final = {
    "confirmation_expired": 409,
    "confirmation_withdrawn": 409,
    "endpoint_inactive": 409,
    "erased": 409,
    "external_id_taken": 409,
    "gone": 410,
    "idempotency_in_progress": 409,
    "identity_conflict": 409,
    "legal_hold": 409,
    "line_changed": 409,
    "no_identity": 409,
    "not_a_request": 409,
    "not_an_opt_in": 409,
    "not_sealed_yet": 409,
    "nothing_to_confirm": 409,
    "notice_differs": 409,
    "unknown_endpoint": 404,
    "idempotency_key_reused": 422,
}


class ApiError(Exception):
    """A request that a door refuses. `details` is JSON and may hold what helps to correct it."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.details = details


def error_body(
    code: str, message: str, field: str | None = None, details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The shape; `code` is stable and part of the API."""
    error: dict[str, Any] = {"code": code, "message": message, "field": field}
    if details is not None:
        error["details"] = details
    return {"error": error}


def answer(error: Exception, context: Mapping[str, Any]) -> Response:
    """Any exception of a door as its answer; Django REST framework calls this."""
    if isinstance(error, ApiError):
        body = error_body(error.code, error.message, error.field, error.details)
        return Response(body, status=error.status)
    if isinstance(error, ConsentError):
        body = error_body(error.code, error.message, error.field)
        return Response(body, status=_STATUS.get(error.code, 400))
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    return _of_circumstances(error)


def _of_framework(error: exceptions.APIException) -> Response:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    code = error.get_codes()
    body = error_body(code if isinstance(code, str) else "bad_request", str(error.detail))
    return Response(body, status=error.status_code, headers=headers)


def _of_circumstances(error: Exception) -> Response:
    match error:
        case Http404():
            return Response(error_body("not_found", "There is no such thing."), status=404)
        case PermissionDenied():
            return Response(error_body("permission_denied", "You may not do this."), status=403)
        case UnreadablePostError():
            return Response(error_body("incomplete_body", "The body broke off."), status=400)
        case OutcomeUnknown():
            return _later(
                "outcome_unknown",
                "The database was lost while committing, so this may have been carried out or "
                "not. Ask what is recorded, or send it again with the same Idempotency-Key.",
            )
        case OperationalError() | InterfaceError():
            # Not the error itself: the driver's words may name hosts and accounts.
            log.warning("No answer from the database (%s)", getattr(error, "sqlstate", None))
            return _later("try_again", "Nothing was changed. The database cannot answer now.")
    log.error("Internal error", exc_info=error)
    body = error_body("internal_error", "Something failed inside Optbook. It is in its log.")
    return Response(body, status=500)


def _later(code: str, message: str) -> Response:
    body = error_body(code, message)
    return Response(body, status=503, headers={"Retry-After": str(RETRY_AFTER)})

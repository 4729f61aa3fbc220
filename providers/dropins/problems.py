"""Any exception of a drop-in as a problem that its dialect has words for."""

from __future__ import annotations

import logging
import math
from typing import Final

from django.core.exceptions import SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import UnreadablePostError
from rest_framework import exceptions

from consents.api.errors import RETRY_AFTER, ApiError
from providers.dropin_contract import Problem
from providers.orders import TakenMeanwhileError, UnknownContactError

log = logging.getLogger(__name__)

# Sinch's own clients fetch a new token when, and only when, they find "expired" here.
_EXPIRED: Final = 'Bearer error="invalid_token", error_description="The access token expired"'
_WHEN_TO_COME_BACK: Final = frozenset({Problem.TRY_LATER, Problem.TOO_MANY_CALLS})


class Refused(Exception):
    """The request is refused, for a reason that is not its dialect's."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def problem_of(error: Exception) -> Problem:
    """What nobody foresaw is in the log, and none of it in the answer."""
    match error:
        case Refused():
            return error.problem
        case exceptions.APIException():
            return _of_framework(error)
        case ApiError():
            return Problem.TOO_LARGE if error.status == 413 else Problem.UNREADABLE
        case UnreadablePostError() | SuspiciousOperation():
            return Problem.UNREADABLE
        case UnknownContactError():
            return Problem.UNKNOWN_CONTACT
        case TakenMeanwhileError():
            return Problem.TRY_LATER
        case OperationalError() | InterfaceError():
            # Not the error itself: the driver's words may name hosts and accounts.
            log.warning("No answer from the database (%s)", getattr(error, "sqlstate", None))
            return Problem.TRY_LATER
    log.error("Internal error", exc_info=error)
    return Problem.INTERNAL


def headers_of(error: Exception, problem: Problem, challenge: str) -> dict[str, str]:
    """What the status demands. `challenge`: how one identifies oneself at this address."""
    if problem is Problem.EXPIRED_TOKEN:
        return {"WWW-Authenticate": _EXPIRED}
    if problem in _WHEN_TO_COME_BACK:
        wait = getattr(error, "wait", None)
        return {"Retry-After": str(math.ceil(wait) if wait else RETRY_AFTER)}
    if problem in {Problem.NO_KEY, Problem.WRONG_KEY}:
        return {"WWW-Authenticate": challenge}
    return {}


def _of_framework(error: exceptions.APIException) -> Problem:
    match error:
        case exceptions.AuthenticationFailed():
            is_expired = error.get_codes() == "expired_token"
            return Problem.EXPIRED_TOKEN if is_expired else Problem.WRONG_KEY
        case exceptions.NotAuthenticated():
            return Problem.NO_KEY
        case exceptions.Throttled():
            return Problem.TOO_MANY_CALLS
    return Problem.NOT_ALLOWED

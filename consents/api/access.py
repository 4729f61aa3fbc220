"""What a key may do, and on behalf of whom.

A sender that does not exist and one that the key may not touch get the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol, cast

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from consents.api.errors import ApiError
from consents.errors import ConsentError
from consents.models import ApiKey, Sender
from consents.vocabulary import Scope


class Scoped(Protocol):
    """Says by method what scope a call needs."""

    scopes: ClassVar[Mapping[str, Scope]]


class HasScope(BasePermission):
    """Methods that the door does not have pass, to be answered 405."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        method = "GET" if request.method == "HEAD" else str(request.method)
        scope = cast(Scoped, view).scopes.get(method)
        if scope is not None and scope.value not in cast(ApiKey, request.auth).scopes:
            message = f"The API key lacks the scope {scope.value}."
            raise PermissionDenied(message, "scope_missing")
        return True


def the_sender(key: ApiKey, named: object) -> Sender:
    """The sender to act for: the one named, else the key's only one."""
    senders = key.acts_for
    if named is None and len(senders) > 1:
        raise ConsentError(
            "sender_required", "The API key has several senders: name one.", "sender"
        )
    return _one_of(senders, senders[0].key if named is None and senders else named)


def the_senders(key: ApiKey, named: object) -> list[Sender]:
    """The senders to read of: the one named, else all of the key's."""
    return list(key.acts_for) if named is None else [_one_of(key.acts_for, named)]


def _one_of(senders: list[Sender], named: object) -> Sender:
    for sender in senders:
        if sender.key == named:
            return sender
    raise ApiError(403, "sender_forbidden", "The API key has no such sender.", "sender")

"""What the schema says of answers that refuse: their shape, and by status what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import serializers

from consents.api.errors import error_body


class Error(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="A sentence for a person.")
    field = serializers.CharField(allow_null=True, help_text="The input at fault.")
    details = serializers.JSONField(required=False)


class ErrorBody(serializers.Serializer[Any]):
    error = Error()


@dataclass(frozen=True, slots=True)
class Refusal:
    """One example: what a caller reads when this code comes."""

    code: str
    message: str
    field: str | None = None


MEANINGS: Final[Mapping[int, str]] = {
    400: "What was sent is wrong, and `field` says where. Nothing was changed.",
    401: "There is no API key, or it is not valid.",
    403: "The API key may not do this.",
    404: "There is no such thing, or it belongs to a sender that the key does not have.",
    409: "What stands in the way is there already, or under way.",
    410: "This was carried out before, and what it made has been deleted since.",
    411: "The body came without a Content-Length, in a way that does not show its end.",
    413: "The body is too large: 1 MB, in bulk 32 MB, a file of people 1 GB, where the operator "
    "says nothing else.",
    415: "The body is not declared as JSON in UTF-8, or as the file that is wanted.",
    422: "The Idempotency-Key was used before with another body.",
    429: "The key calls too often; Retry-After says when to come back.",
    503: "Later: the database could not be asked, or was lost while committing.",
    507: "Later, or less at once: there is no room for the body.",
}

USUAL: Final[Mapping[int, Sequence[Refusal]]] = {
    400: [
        Refusal("unknown_parameter", "There is no parameter of this name here; misspelt?", "when"),
    ],
    401: [
        Refusal("key_required", "Send an API key: Authorization: Bearer <key>."),
        Refusal("invalid_key", "The API key is not valid."),
    ],
    403: [
        Refusal("scope_missing", "The API key lacks the scope manage."),
        Refusal("sender_forbidden", "The API key has no such sender.", "sender"),
    ],
    404: [Refusal("not_found", "There is no such thing.")],
    409: [
        Refusal(
            "idempotency_in_progress",
            "A request with this Idempotency-Key is being carried out; ask again in a moment.",
            "Idempotency-Key",
        )
    ],
    410: [Refusal("gone", "This was carried out before, and what it made has been deleted since.")],
    411: [Refusal("length_required", "Send the body with a Content-Length.")],
    413: [Refusal("body_too_large", "A body here has at most 1048576 bytes.")],
    415: [
        Refusal(
            "unsupported_media_type",
            "Send JSON in UTF-8, as Content-Type application/json.",
        )
    ],
    422: [
        Refusal(
            "idempotency_key_reused",
            "This Idempotency-Key was used before with another body.",
            "Idempotency-Key",
        )
    ],
    429: [Refusal("throttled", "Request was throttled. Expected available in 42 seconds.")],
    503: [
        Refusal("try_again", "Nothing was changed. The database cannot answer now."),
        Refusal(
            "outcome_unknown",
            "The database was lost while committing, so this may have been carried out or not. "
            "Ask what is recorded, or send it again with the same Idempotency-Key.",
        ),
    ],
}
"""What any door may say."""

ALWAYS: Final = (400, 401, 403, 429, 503)
OF_BODIES: Final = (411, 413, 415)
OF_REPEATABLES: Final = (409, 410, 422)


def response(status: int, own: Iterable[Refusal] = ()) -> OpenApiResponse:
    """How the schema describes this status; `own`: what this door alone says with it."""
    examples = [
        OpenApiExample(one.code, value=error_body(one.code, one.message, one.field))
        for one in (*own, *USUAL.get(status, ()))
    ]
    return OpenApiResponse(ErrorBody, MEANINGS[status], examples)

"""What the OpenAPI schema says of a door's methods, besides their docstrings."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from inspect import cleandoc
from typing import Any, Final, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.serializers import Serializer

from consents.api import contact_examples, examples, refusals
from consents.api.authentication import KeyAuthentication
from consents.api.examples import Example
from consents.api.pagination import LIMIT_DEFAULT, LIMIT_MAX
from consents.idempotency import KEY_MAX
from consents.vocabulary import Action, Channel, Origin

Method = TypeVar("Method", bound=Callable[..., Any])
Shape = type[Serializer[Any]]

IDENTITY_HINT: Final = (
    "A phone number with country code, an e-mail address, or the channel's own id."
)
STORABLE: Final = r"^[^\x00]*$"
"""PostgreSQL keeps no NUL."""


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a caller shows who it is."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, `ob_…`, made in the admin or by `create_api_key`.",
        }


def words(of: Any) -> list[str]:
    return [word.value for word in of]


def one_of(words_of: Any) -> Mapping[str, Any]:
    """The schema of a parameter that is one of these words."""
    return {"type": "string", "enum": words(words_of)}


UUID_TEXT: Final = {"type": "string", "format": "uuid"}
_TEXT: Final = {"type": "string", "minLength": 1, "pattern": STORABLE}
_FILE: Final = {"type": "string"}
_TIME: Final = {"type": "string", "format": "date-time"}
_PARAMETERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "action": one_of(Action),
    "at": _TIME,
    "channel": one_of(Channel),
    "cursor": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
    "from": _TIME,
    "hindsight": {"type": "boolean"},
    "limit": {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
    "origin": one_of(Origin),
    "to": _TIME,
}
_FIRST_SENTENCE: Final = re.compile(r"(?<=[.?])\s")
_EXAMPLES: Final = {
    "channel": Channel.WHATSAPP.value,
    "identity": "46732001122",
    "purpose": "marketing",
}


def query(
    name: str,
    description: str = "",
    *,
    required: bool = False,
    schema: Mapping[str, Any] | None = None,
) -> OpenApiParameter:
    """A parameter of the query; where no `schema` is given, as its name is used everywhere."""
    hint = IDENTITY_HINT if name == "identity" and not description else description
    example = [OpenApiExample("for example", value=_EXAMPLES[name])] if required else []
    return OpenApiParameter(
        name,
        dict(schema or _PARAMETERS.get(name, _TEXT)),
        OpenApiParameter.QUERY,
        required=required,
        description=hint,
        examples=example,
    )


SENDER: Final = query("sender", "A sender's key; without it all senders of the API key.")
PAGING: Final = [
    query("limit", "How many at most."),
    query("cursor", "From `next` or `previous` of an earlier answer, as it is."),
]


def listing(of: Shape) -> Shape:
    """A page of these."""
    link = "The page of {} rows; null where there are none."
    fields = {
        "results": of(many=True),
        "next": serializers.URLField(allow_null=True, help_text=link.format("older")),
        "previous": serializers.URLField(allow_null=True, help_text=link.format("newer")),
    }
    return type(f"{of.__name__.removesuffix('Body')}List", (serializers.Serializer,), fields)


EXAMPLES: Final[Mapping[str, Example]] = {**examples.OF, **contact_examples.OF}
"""Of the record's operations, by their names."""


def describe(
    operation: str,
    answers: Mapping[int, Shape | None],
    *,
    request: Shape | None = None,
    files: Collection[str] = (),
    parameters: Sequence[OpenApiParameter] = (),
    repeatable: bool = False,
    finds: bool = False,
    example: Example | None = None,
) -> Callable[[Method], Method]:
    """What the schema says of a method besides its docstring.

    `files`: the media types of a file that is sent, and answered in the same format. `repeatable`:
    it takes an Idempotency-Key. `finds`: it is about something named in the path. Without
    `example` it is the one in EXAMPLES.
    """
    shown = example or EXAMPLES[operation]
    has_body = bool(repeatable or request or files)
    refused = _refused(shown, finds=finds, repeatable=repeatable, has_body=has_body)
    done: dict[Any, OpenApiResponse] = {
        status: OpenApiResponse(shape, "Done.") for status, shape in answers.items()
    }
    done |= {(200, media): OpenApiResponse(_FILE, "The file, answered.") for media in files}
    succeeded = [*answers, *([200] if files else [])]
    headers = [*_headers(succeeded, [*refused]), *(_repeating(succeeded) if repeatable else [])]

    def decorate(method: Method) -> Method:
        text = cleandoc(method.__doc__ or "")
        return extend_schema(
            operation_id=operation,
            summary=_FIRST_SENTENCE.split(text)[0].rstrip("."),
            description=text,
            request=dict.fromkeys(files, _FILE) if files else request,
            responses={**done, **refused},
            parameters=[*parameters, *headers],
            examples=shown.shown(),
        )(method)

    return decorate


def _refused(
    shown: Example, *, finds: bool, repeatable: bool, has_body: bool
) -> dict[int, OpenApiResponse]:
    statuses = {*refusals.ALWAYS, *shown.refusals}
    statuses |= {404} if finds else set()
    statuses |= set(refusals.OF_REPEATABLES) if repeatable else set()
    statuses |= set(refusals.OF_BODIES) if has_body else set()
    return {
        status: refusals.response(status, shown.refusals.get(status, ()))
        for status in sorted(statuses)
    }


def _headers(done: Sequence[int], refused: Sequence[int]) -> list[OpenApiParameter]:
    """What answers say in their headers, where it matters."""
    counted = [*done, 429]
    return [
        _header(
            "Retry-After",
            [status for status in (429, 503) if status in refused],
            "Seconds after which to come back.",
            {"type": "integer", "minimum": 0},
            required=True,
        ),
        _header("WWW-Authenticate", [401], 'Bearer realm="optbook"', required=True),
        _header(
            "RateLimit-Policy",
            counted,
            'Where the key has a rate: `q` calls in `w` seconds, as `"key";q=600;w=60`.',
        ),
        _header(
            "RateLimit",
            counted,
            "Where the key has a rate: `r` calls are left, all in `t` seconds, as "
            '`"key";r=599;t=60`.',
        ),
    ]


def _repeating(done: Sequence[int]) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(
            "Idempotency-Key",
            {"type": "string", "pattern": f"^[ -~]{{1,{KEY_MAX}}}$"},
            OpenApiParameter.HEADER,
            description="The same key and body again get the first answer again, for 30 days.",
        ),
        _header(
            "Idempotent-Replayed",
            done,
            "This is the answer of an earlier call with the same Idempotency-Key.",
            {"type": "string", "enum": ["true"]},
        ),
    ]


def _header(
    name: str,
    statuses: Sequence[int],
    description: str,
    schema: Mapping[str, Any] | None = None,
    *,
    required: bool = False,
) -> OpenApiParameter:
    return OpenApiParameter(
        name,
        dict(schema or {"type": "string"}),
        OpenApiParameter.HEADER,
        response=list(statuses),
        description=description,
        required=required,
    )

"""What requests are made of, as the OpenAPI schema shows it.

The doors read requests by hand; of a shape they take its names and which of them are required.
"""

from __future__ import annotations

from typing import Any, Final

from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import Direction, extend_schema_field
from rest_framework import serializers

from consents.api.operations import IDENTITY_HINT, STORABLE, words
from consents.vocabulary import Channel

IDENTITY_INTEGER_MAX: Final = 10**20 - 1
# Something in it that Python does not strip: what other dialects do not count as blank is named.
NOT_BLANK: Final = r"^[^\x00]*[^\s\x00\x1c-\x1f\x85][^\x00]*$"

Schema = dict[str, Any]


class RequestShape(serializers.Serializer[Any]):
    # A docstring here would describe every shape in the schema. Any other field is refused.

    @classmethod
    def refine(cls, schema: Schema) -> Schema:
        """What holds of the fields together."""
        return schema


class _Closed(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = RequestShape
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Direction) -> Schema:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        refined: Schema = self.target.refine({**schema, "additionalProperties": False})
        return refined


def text_field(max_length: int | None = None, **options: Any) -> serializers.CharField:
    """Text that may be left out."""
    return serializers.CharField(
        required=False,
        allow_null=True,
        max_length=max_length,
        validators=[RegexValidator(STORABLE)],
        **options,
    )


def named_field(max_length: int | None = None, **options: Any) -> serializers.CharField:
    """Text that must be there and say something."""
    return serializers.CharField(
        max_length=max_length, validators=[RegexValidator(NOT_BLANK)], **options
    )


def time_field(**options: Any) -> serializers.DateTimeField:
    return serializers.DateTimeField(required=False, allow_null=True, **options)


def channel_field(**options: Any) -> serializers.ChoiceField:
    return serializers.ChoiceField(words(Channel), **options)


def sender_field() -> serializers.CharField:
    return text_field(help_text="A sender's key. May be left out where the API key has only one.")


@extend_schema_field(
    {
        "type": ["string", "integer"],
        "minLength": 1,
        "minimum": 0,
        "maximum": IDENTITY_INTEGER_MAX,
        "description": IDENTITY_HINT,
    }
)
class IdentityField(serializers.CharField):
    """A text or an integer that can be read on its channel."""


@extend_schema_field(
    {
        "type": ["string", "integer", "null"],
        "minLength": 1,
        "minimum": 0,
        "maximum": IDENTITY_INTEGER_MAX,
        "description": IDENTITY_HINT,
    }
)
class OptionalIdentityField(serializers.CharField):
    def __init__(self) -> None:
        super().__init__(required=False)


@extend_schema_field(
    {"description": f"{IDENTITY_HINT} What nobody can read is answered `invalid_identity`."}
)
class AskedIdentityField(serializers.JSONField):
    """Whatever is asked about."""


@extend_schema_field(
    {
        "not": {"type": "null"},
        "description": f"{IDENTITY_HINT} What nobody can read is answered `invalid_identity`.",
    }
)
class RequiredAskedIdentityField(serializers.JSONField):
    """Whatever is asked about, but not nothing."""


@extend_schema_field(
    {
        "anyOf": [
            {"type": "string", "format": "ipv4"},
            {"type": "string", "format": "ipv6"},
            {"type": "string", "const": ""},
            {"type": "null"},
        ]
    }
)
class IpField(serializers.CharField):
    def __init__(self) -> None:
        super().__init__(required=False)

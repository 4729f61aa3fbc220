"""The shapes of notices, and examples of them, as the OpenAPI schema shows them."""

from __future__ import annotations

from typing import Any, Final

from django.core.validators import RegexValidator
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consents import publishing
from consents.api.examples import (
    NAMED_NOTICE,
    NO_MORE_PAGES,
    NOTICE_TEXT,
    SPOKEN_AT,
    WRITTEN_AT,
    Example,
)
from consents.api.refusals import Refusal
from consents.api.shapes import NOT_BLANK, RequestShape, named_field, sender_field, time_field
from consents.models.base import LANGUAGE_MAX, LANGUAGE_TAG
from consents.models.notices import KEY_MAX, VERSION_MAX

VERSION_NUMBER_MAX: Final = 10**15


@extend_schema_field(
    {
        "type": ["string", "integer"],
        "minLength": 1,
        "maxLength": VERSION_MAX,
        "pattern": NOT_BLANK,
        "minimum": 0,
        "maximum": VERSION_NUMBER_MAX,
        "description": "What you call it, for example `2026-03` or 3.",
    }
)
class VersionField(serializers.CharField):
    """A text or a number."""


class NoticeRequest(RequestShape):
    """One version of the wording that people are shown, in one language."""

    sender = sender_field()
    key = serializers.SlugField(
        max_length=KEY_MAX, help_text="What evidence calls it, whatever its version."
    )
    version = VersionField()
    language = serializers.CharField(
        max_length=LANGUAGE_MAX,
        validators=[RegexValidator(LANGUAGE_TAG.replace(r"\Z", "$"))],
        help_text="BCP 47.",
    )
    text = named_field(publishing.TEXT_MAX, help_text="To the letter as people are shown it.")
    valid_from = time_field(help_text="Since when people are shown it; else now.")


class NoticeBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sender = serializers.CharField()
    key = serializers.CharField()
    version = serializers.CharField()
    language = serializers.CharField()
    text = serializers.CharField()
    sha256 = serializers.CharField(help_text="Of the text's UTF-8, in hexadecimal.")
    valid_from = serializers.DateTimeField()
    created_at = serializers.DateTimeField()


_WORDING: Final = {
    **{name: NAMED_NOTICE[name] for name in ("key", "version", "language")},
    "text": NOTICE_TEXT,
    "valid_from": SPOKEN_AT,
}
_NOTICE: Final = {
    "id": "0193f8a2-6d3a-7b16-92c5-6d7e8f9a0b1c",
    "sender": "default",
    **_WORDING,
    "sha256": NAMED_NOTICE["sha256"],
    "created_at": WRITTEN_AT,
}
LIST: Final = Example(answers={200: {"results": [_NOTICE], **NO_MORE_PAGES}})
READ: Final = Example(answers={200: _NOTICE})
PUBLISH: Final = Example(
    requests={
        "a banner at the checkout": _WORDING,
        "its next version, from now on": {
            "key": "checkout-banner",
            "version": 4,
            "language": "en",
            "text": "Yes, send me offers and news on WhatsApp.",
        },
    },
    answers={200: _NOTICE, 201: _NOTICE},
    refusals={
        409: [
            Refusal(
                "notice_differs",
                "This version is there with another text: a new text is a new version.",
                "text",
            )
        ]
    },
)

"""The shapes of requests and answers about people, as the OpenAPI schema shows them."""

from __future__ import annotations

from typing import Any, Final

from django.core.validators import RegexValidator
from rest_framework import serializers

from consents import links
from consents.api.shapes import (
    IdentityField,
    RequestShape,
    Schema,
    channel_field,
    sender_field,
    text_field,
)

CONTACT_IDENTITIES_MAX: Final = 100
_LANGUAGE: Final = r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*)?$"


class IdentityRequest(RequestShape):
    """An address on a channel."""

    channel = channel_field()
    identity = IdentityField()


class ContactChange(RequestShape):
    """What a sender calls a person; what is left out stays."""

    external_id = text_field(200, help_text="Yours, unique among the sender's contacts.")
    display_name = text_field(200)
    language = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=35,
        validators=[RegexValidator(_LANGUAGE)],
        help_text="BCP 47.",
    )


class ContactRequest(ContactChange):
    """A person, as a sender knows them."""

    sender = sender_field()
    identities = IdentityRequest(many=True, required=False, allow_null=True)

    @classmethod
    def refine(cls, schema: Schema) -> Schema:
        identities = {**schema["properties"]["identities"], "maxItems": CONTACT_IDENTITIES_MAX}
        return {**schema, "properties": {**schema["properties"], "identities": identities}}


class IdentityBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    channel = channel_field()
    identity = serializers.CharField(allow_null=True, help_text="None once it is erased.")
    warnings = serializers.ListField(child=serializers.CharField())


class PreferenceLinkRequest(RequestShape):
    """What the link is for."""

    channel = channel_field(
        required=False, allow_null=True, help_text="Where unsubscribing counts; else `EMAIL`."
    )
    purpose = text_field(help_text="What it unsubscribes from; else `all`.")
    days = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=links.DAYS_MAX,
        help_text="How long it works; else as the setting PREFERENCE_LINK_DAYS says.",
    )


class PreferenceLinkBody(serializers.Serializer[Any]):
    preferences = serializers.URLField(help_text="The page with everything on it.")
    unsubscribe = serializers.URLField(
        allow_null=True,
        help_text="The page with one button; null where the person has no address on the channel.",
    )
    headers = serializers.DictField(
        child=serializers.CharField(), help_text="For the e-mail; empty without `unsubscribe`."
    )
    expires_at = serializers.DateTimeField()


class NamesBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sender = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField(allow_blank=True)
    language = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class ContactBody(NamesBody):
    identities = IdentityBody(many=True)


class FileBody(serializers.Serializer[Any]):
    written_at = serializers.DateTimeField()
    contact = NamesBody()
    held = serializers.DictField(
        child=serializers.ListField(child=serializers.DictField()),
        help_text="Rows, oldest first, by the name of what they are: `identities`, `states`, "
        "`events` with their proofs and the salts of their hashes, `notices` that they were shown, "
        "`messages`, `questions` for staff, `staff_actions`, `files` kept as evidence (small ones "
        "with their `content` in base64), `disclosures` of this file, what providers and "
        "subscribers were told and what they said.",
    )


class KeptBody(serializers.Serializer[Any]):
    what = serializers.CharField(help_text="A word for programs.")
    count = serializers.IntegerField()
    why = serializers.CharField()


class ErasureBody(serializers.Serializer[Any]):
    contact = serializers.UUIDField()
    asked_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(
        allow_null=True, help_text="Null while somebody must still be told."
    )
    kept = KeptBody(many=True)


class MomentBody(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    id = serializers.UUIDField()
    identity = serializers.UUIDField(help_text="The id of the contact's identity.")
    data = serializers.DictField()  # type: ignore[assignment]


class TimelineBody(serializers.Serializer[Any]):
    results = MomentBody(many=True)

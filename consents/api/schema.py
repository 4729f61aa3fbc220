"""The shapes of requests and answers about the record, as the OpenAPI schema shows them."""

from __future__ import annotations

from typing import Any, Final

from django.core.validators import RegexValidator
from rest_framework import serializers

from consents import entries, inbound
from consents.api.operations import STORABLE, words
from consents.api.operations import describe as describe
from consents.api.operations import query as query
from consents.api.refusals import Error
from consents.api.shapes import (
    AskedIdentityField,
    IdentityField,
    IpField,
    OptionalIdentityField,
    RequestShape,
    RequiredAskedIdentityField,
    Schema,
    channel_field,
    named_field,
    sender_field,
    text_field,
    time_field,
)
from consents.keywords import MatchKind
from consents.vocabulary import (
    CONSENT_ACTIONS,
    SOURCE_MAX,
    Action,
    Basis,
    Mode,
    Origin,
    Outcome,
    Reason,
)

BULK_MAX: Final = 10_000


class EventItem(RequestShape):
    """One opt-in or opt-out: of an identity on its channel, or of a contact."""

    action = serializers.ChoiceField(sorted(word.value for word in CONSENT_ACTIONS))
    channel = channel_field(required=False, allow_null=True)
    identity = OptionalIdentityField()
    contact = serializers.CharField(
        required=False,
        allow_null=True,
        validators=[RegexValidator(STORABLE)],
        help_text="Our id, or your external_id. Without an identity: all identities of this "
        "contact, or those on the channels named.",
    )
    channels = serializers.ListField(
        child=channel_field(),
        required=False,
        allow_null=True,
        help_text="Of a contact: only its identities on these channels.",
    )
    purpose = text_field(help_text="Else `all`.")
    source = named_field(SOURCE_MAX)  # type: ignore[assignment]
    ip = IpField()
    user_agent = text_field(entries.TEXT_MAX)
    occurred_at = time_field(help_text="With its zone, from 1970 until now; else now.")
    evidence = serializers.DictField(
        required=False,
        allow_null=True,
        help_text=f"Any JSON, up to {entries.EVIDENCE_MAX_BYTES // 1024} KiB: the wording shown, "
        "the version of a policy, the id of a form. `notice` names a notice, by its key or by an "
        "object of `key`, `version` and `language`; what it was is kept with its hash.",
    )
    note = text_field(entries.TEXT_MAX)

    @classmethod
    def refine(cls, schema: Schema) -> Schema:
        of_identity = {
            "title": "Of an identity",
            "required": ["channel", "identity"],
            "properties": {
                "channel": {"type": "string"},
                "identity": {"type": ["string", "integer"]},
            },
        }
        of_contact = {
            "title": "Of a contact",
            "required": ["contact"],
            "properties": {
                "contact": {"type": "string", "minLength": 1},
                "identity": {"type": "null"},
            },
        }
        return {**schema, "anyOf": [of_identity, of_contact]}


class EventRequest(EventItem):
    """One opt-in or opt-out: of an identity on its channel, or of a contact."""

    sender = sender_field()


class BulkRequest(RequestShape):
    """Many opt-ins and opt-outs, each recorded by itself."""

    sender = sender_field()
    events = EventItem(many=True)

    @classmethod
    def refine(cls, schema: Schema) -> Schema:
        """Each item is looked at by itself, so that any JSON may stand in its place."""
        anything = {"description": "Anything else is answered with an error of its own."}
        events = schema["properties"]["events"]
        items = {"anyOf": [events["items"], anything]}
        bounded = {**events, "items": items, "maxItems": BULK_MAX}
        return {**schema, "properties": {**schema["properties"], "events": bounded}}


class EventBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    seq = serializers.IntegerField(help_text="The order of the ledger.")
    sender = serializers.CharField()
    action = serializers.ChoiceField(words(Action))
    channel = channel_field()
    identity = serializers.CharField(allow_null=True, help_text="None once it is erased.")
    contact = serializers.UUIDField()
    purpose = serializers.CharField()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    origin = serializers.ChoiceField(words(Origin))
    actor = serializers.CharField(allow_blank=True)
    occurred_at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    effective = serializers.BooleanField(help_text="Whether it changed the state.")
    outcome = serializers.ChoiceField(words(Outcome), allow_null=True)
    cause = serializers.UUIDField(allow_null=True, help_text="The event it follows from.")


class ConfirmationBody(serializers.Serializer[Any]):
    expires_at = serializers.DateTimeField(help_text="Until when it can be confirmed.")
    url = serializers.URLField(help_text="The page where the person confirms it: for them alone.")


class RecordedEvent(EventBody):
    confirmation = ConfirmationBody(
        required=False, help_text="Of an opt-in that the person has to confirm."
    )


class RecordedBody(RecordedEvent):
    events = RecordedEvent(
        many=True, required=False, help_text="All, where more than one was written."
    )


class ConfirmRequest(RequestShape):
    """How the person confirmed it, as far as known."""

    ip = IpField()
    user_agent = text_field(entries.TEXT_MAX)
    occurred_at = time_field(help_text="When they did, with its zone; else now.")


class Detail(serializers.Serializer[Any]):
    ip = serializers.IPAddressField(allow_null=True)
    user_agent = serializers.CharField(allow_blank=True)
    evidence = serializers.DictField()
    note = serializers.CharField(allow_blank=True)


class EventWithDetail(EventBody):
    detail = Detail(allow_null=True)


class BulkItem(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    status = serializers.ChoiceField(["recorded", "error"])
    event = RecordedEvent(required=False)
    events = RecordedEvent(many=True, required=False)
    error = Error(required=False)


class BulkBody(serializers.Serializer[Any]):
    results = BulkItem(many=True)


class Verdict(serializers.Serializer[Any]):
    allowed = serializers.BooleanField()
    modes = serializers.ListField(child=serializers.ChoiceField(words(Mode)))
    basis = serializers.ChoiceField(words(Basis), allow_null=True)
    reason = serializers.ChoiceField(words(Reason), allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    free_form_until = serializers.DateTimeField(allow_null=True)
    event = serializers.UUIDField(allow_null=True, help_text="The one that decides.")
    as_of = serializers.DateTimeField()
    valid_for = serializers.IntegerField(help_text="Seconds this answer may be kept.")


class PermissionBody(Verdict):
    channel = channel_field()
    purpose = serializers.CharField(allow_null=True, help_text="None for a confirmation.")


class PermissionsRequest(RequestShape):
    """Whom to ask about, on one channel and for one purpose."""

    sender = sender_field()
    channel = channel_field()
    purpose = text_field(help_text="Else `service`.")
    identities = serializers.ListField(child=AskedIdentityField(), max_length=BULK_MAX)


class PermissionsItem(Verdict):
    index = serializers.IntegerField()
    identity = serializers.CharField(allow_null=True, help_text="As it was read.")


class PermissionsBody(serializers.Serializer[Any]):
    channel = channel_field()
    purpose = serializers.CharField()
    results = PermissionsItem(many=True)


class ConfirmationRequest(RequestShape):
    """Who has opted out and is to be sent the one confirmation."""

    sender = sender_field()
    channel = channel_field()
    identity = RequiredAskedIdentityField()


class MessageRequest(RequestShape):
    """One message that a person wrote."""

    sender = sender_field()
    channel = channel_field()
    identity = IdentityField()
    message_id = named_field(inbound.MESSAGE_ID_MAX)
    text = text_field(inbound.TEXT_MAX, help_text="Read for keywords, never kept.")
    payload = text_field(inbound.TEXT_MAX, help_text="Of a button or list reply.")
    title = text_field(inbound.TEXT_MAX, help_text="Of a button or list reply.")
    received_at = time_field(help_text="By the provider's clock, from 1970 on; else now.")


class MessageBody(serializers.Serializer[Any]):
    channel = channel_field()
    identity = serializers.CharField(allow_null=True)
    contact = serializers.UUIDField()
    keyword = serializers.ChoiceField(words(MatchKind), allow_null=True)
    is_repeat = serializers.BooleanField(help_text="It was known already; nothing was done.")
    events = EventBody(many=True)

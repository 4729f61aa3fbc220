"""The shapes of answers about deliveries, as the OpenAPI schema shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from consents.api.schema import SenderField, words
from consents.vocabulary import Channel
from providers.contract import Kind, Result
from providers.outcomes import (
    SUBSCRIBABLE,
    DeliveryStatus,
    FailedReason,
    SignatureStyle,
    Status,
    Trigger,
)


class AccountName(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    name = serializers.CharField()


class SyncBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    sender = serializers.CharField()
    account = AccountName()
    channel = serializers.ChoiceField(words(Channel))
    identity = serializers.CharField(allow_null=True, help_text="None once it is erased.")
    contact = serializers.UUIDField()
    event = serializers.UUIDField(allow_null=True, help_text="The line that caused it.")
    kind = serializers.ChoiceField(words(Kind))
    status = serializers.ChoiceField(words(Status))
    reason = serializers.ChoiceField(words(FailedReason), allow_null=True)
    code = serializers.CharField(allow_null=True, help_text="The provider's own.")
    text = serializers.CharField(allow_null=True, help_text="The provider's own.")
    attempts = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class AttemptBody(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField()
    elapsed_ms = serializers.IntegerField()
    status_code = serializers.IntegerField(allow_null=True)
    result = serializers.ChoiceField(words(Result))
    code = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_null=True)
    trace = serializers.ListField(help_text="The exchange, masked.")


class SyncWithAttempts(SyncBody):
    attempts_made = AttemptBody(many=True)


class EndpointChange(serializers.Serializer[Any]):
    url = serializers.CharField(required=False, max_length=742, help_text="https.")
    triggers = serializers.ListField(
        child=serializers.ChoiceField(words(SUBSCRIBABLE)), required=False
    )
    signature = serializers.ChoiceField(words(SignatureStyle), required=False)
    is_active = serializers.BooleanField(
        required=False, help_text="true also resumes an endpoint that is paused."
    )


class EndpointRequest(serializers.Serializer[Any]):
    sender = SenderField()
    url = serializers.CharField(max_length=742, help_text="https.")
    triggers = serializers.ListField(child=serializers.ChoiceField(words(SUBSCRIBABLE)))
    signature = serializers.ChoiceField(
        words(SignatureStyle), required=False, default=SignatureStyle.STANDARD.value
    )


class EndpointBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sender = serializers.CharField()
    url = serializers.CharField()
    triggers = serializers.ListField(child=serializers.ChoiceField(words(SUBSCRIBABLE)))
    signature = serializers.ChoiceField(words(SignatureStyle))
    is_active = serializers.BooleanField()
    paused_at = serializers.DateTimeField(allow_null=True)
    pause_reason = serializers.CharField(allow_null=True)
    failing_since = serializers.DateTimeField(allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class EndpointWithSecret(EndpointBody):
    secret = serializers.CharField(
        allow_null=True, help_text="Shown this once; null where the answer is a replay."
    )


class RedeliverRequest(serializers.Serializer[Any]):
    since = serializers.DateTimeField(help_text="Made at or after this time.")
    until = serializers.DateTimeField(required=False, help_text="Made before this time.")


class RedeliverBody(serializers.Serializer[Any]):
    redelivered = serializers.IntegerField()


class DeliveryBody(serializers.Serializer[Any]):
    id = serializers.UUIDField(help_text="Also the header webhook-id.")
    seq = serializers.IntegerField()
    endpoint = serializers.UUIDField()
    trigger = serializers.ChoiceField(words(Trigger))
    event = serializers.UUIDField(allow_null=True)
    request_id = serializers.CharField(allow_null=True)
    body = serializers.DictField(help_text="As it was sent, with addresses masked.")
    status = serializers.ChoiceField(words(DeliveryStatus))
    attempts = serializers.IntegerField()
    status_code = serializers.IntegerField(allow_null=True)
    text = serializers.CharField(allow_null=True, help_text="What came back, masked.")
    created_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)

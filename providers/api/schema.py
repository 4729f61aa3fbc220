"""The shapes of answers about deliveries, as the OpenAPI schema shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from consents.api import operations
from consents.api.operations import words
from consents.api.shapes import RequestShape, channel_field, sender_field, time_field
from providers.addresses import URL_MAX
from providers.api import examples
from providers.contract import Kind, Result
from providers.outcomes import (
    SUBSCRIBABLE,
    DeliveryStatus,
    FailedReason,
    SignatureStyle,
    Status,
    Trigger,
)

Method = TypeVar("Method", bound=Callable[..., Any])


def describe(
    operation: str, answers: Mapping[int, operations.Shape | None], **options: Any
) -> Callable[[Method], Method]:
    """As `operations.describe`, with this side's examples."""
    return operations.describe(operation, answers, example=examples.OF[operation], **options)


class AccountName(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField()
    name = serializers.CharField()


class SyncBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    sender = serializers.CharField()
    account = AccountName()
    channel = channel_field()
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


def _triggers(**options: Any) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(words(SUBSCRIBABLE)),
        min_length=1,
        max_length=len(SUBSCRIBABLE),
        **options,
    )


def _signature() -> serializers.ChoiceField:
    return serializers.ChoiceField(
        words(SignatureStyle),
        required=False,
        allow_null=True,
        help_text="How bodies are signed: as Standard Webhooks, which is usual, or as Sinch does.",
    )


@extend_schema_field(
    {
        "type": "string",
        "format": "uri",
        "pattern": "^https://",
        "maxLength": URL_MAX,
        "description": "https, and not in a network of our own.",
    }
)
class UrlField(serializers.CharField):
    pass


class EndpointChange(RequestShape):
    """What is to be different; what is left out stays."""

    url = UrlField(required=False)
    triggers = _triggers(required=False)
    signature = _signature()
    is_active = serializers.BooleanField(
        required=False,
        allow_null=True,
        help_text="true also resumes an endpoint that is paused.",
    )


class EndpointRequest(RequestShape):
    """Who wants to be told of what."""

    sender = sender_field()
    url = UrlField()
    triggers = _triggers()
    signature = _signature()


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


class RedeliverRequest(RequestShape):
    """What of the past is to be delivered again."""

    since = serializers.DateTimeField(help_text="Made at or after this time.")
    until = time_field(help_text="Made before this time.")


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

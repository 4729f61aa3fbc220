"""The shapes of answers about deliveries, as the OpenAPI schema shows them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from consents.api.schema import words
from consents.vocabulary import Channel
from providers.contract import Kind, Result
from providers.outcomes import FailedReason, Status


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

"""The shapes of requests and answers, as the OpenAPI schema shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.serializers import Serializer

from consents.api.authentication import KeyAuthentication
from consents.vocabulary import (
    CONSENT_ACTIONS,
    SOURCE_MAX,
    Action,
    Basis,
    Channel,
    Mode,
    Origin,
    Outcome,
    Reason,
)

Method = TypeVar("Method", bound=Callable[..., Any])
Shape = type[Serializer[Any]]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How a caller shows who it is."""

    target_class = KeyAuthentication
    name = "key"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


def words(of: Any) -> list[str]:
    return [word.value for word in of]


class Error(serializers.Serializer[Any]):
    code = serializers.CharField(help_text="Stable, for programs.")
    message = serializers.CharField(help_text="A sentence for a person.")
    field = serializers.CharField(allow_null=True, help_text="The input at fault.")
    details = serializers.JSONField(required=False)


class ErrorBody(serializers.Serializer[Any]):
    error = Error()


class SenderField(serializers.CharField):
    """May be left out where the key has one sender."""

    def __init__(self) -> None:
        super().__init__(required=False, help_text="May be left out where the key has only one.")


class IdentityField(serializers.CharField):
    """A text or an integer."""

    def __init__(self, **options: Any) -> None:
        hint = "A phone number with country code, an e-mail address, or the channel's own id."
        super().__init__(help_text=hint, **options)


class EventItem(serializers.Serializer[Any]):
    """One opt-in or opt-out: of an identity on its channel, or of a contact."""

    action = serializers.ChoiceField(sorted(word.value for word in CONSENT_ACTIONS))
    channel = serializers.ChoiceField(words(Channel), required=False)
    identity = IdentityField(required=False)
    contact = serializers.CharField(required=False, help_text="Our id, or your external_id.")
    channels = serializers.ListField(
        child=serializers.ChoiceField(words(Channel)),
        required=False,
        help_text="Of a contact: only its identities on these channels.",
    )
    purpose = serializers.CharField(required=False, default="all")
    source = serializers.CharField(max_length=SOURCE_MAX)  # type: ignore[assignment]
    ip = serializers.IPAddressField(required=False)
    user_agent = serializers.CharField(required=False)
    occurred_at = serializers.DateTimeField(required=False, help_text="With its zone; else now.")
    evidence = serializers.DictField(required=False)
    note = serializers.CharField(required=False)


class EventRequest(EventItem):
    sender = SenderField()


class BulkRequest(serializers.Serializer[Any]):
    sender = SenderField()
    events = EventItem(many=True)


class EventBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    seq = serializers.IntegerField()
    sender = serializers.CharField()
    action = serializers.ChoiceField(words(Action))
    channel = serializers.ChoiceField(words(Channel))
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


class RecordedBody(EventBody):
    events = EventBody(many=True, required=False, help_text="All, where more than one was written.")


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
    event = EventBody(required=False)
    events = EventBody(many=True, required=False)
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
    channel = serializers.ChoiceField(words(Channel))
    purpose = serializers.CharField(allow_null=True, help_text="None for a confirmation.")


class PermissionsRequest(serializers.Serializer[Any]):
    sender = SenderField()
    channel = serializers.ChoiceField(words(Channel))
    purpose = serializers.CharField(required=False, default="service")
    identities = serializers.ListField(child=IdentityField())


class PermissionsItem(Verdict):
    index = serializers.IntegerField()
    identity = serializers.CharField(allow_null=True, help_text="As it was read.")


class PermissionsBody(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(words(Channel))
    purpose = serializers.CharField()
    results = PermissionsItem(many=True)


class ConfirmationRequest(serializers.Serializer[Any]):
    sender = SenderField()
    channel = serializers.ChoiceField(words(Channel))
    identity = IdentityField()


class MessageRequest(serializers.Serializer[Any]):
    sender = SenderField()
    channel = serializers.ChoiceField(words(Channel))
    identity = IdentityField()
    message_id = serializers.CharField()
    text = serializers.CharField(required=False, help_text="Read for keywords, never kept.")
    payload = serializers.CharField(required=False, help_text="Of a button or list reply.")
    title = serializers.CharField(required=False, help_text="Of a button or list reply.")
    received_at = serializers.DateTimeField(required=False, help_text="By the provider's clock.")


class MessageBody(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(words(Channel))
    identity = serializers.CharField(allow_null=True)
    contact = serializers.UUIDField()
    keyword = serializers.ChoiceField(["stop", "start", "watch"], allow_null=True)
    is_repeat = serializers.BooleanField(help_text="It was known already; nothing was done.")
    events = EventBody(many=True)


class IdentityRequest(serializers.Serializer[Any]):
    channel = serializers.ChoiceField(words(Channel))
    identity = IdentityField()


class ContactChange(serializers.Serializer[Any]):
    external_id = serializers.CharField(required=False, allow_null=True, max_length=200)
    display_name = serializers.CharField(required=False, allow_blank=True, max_length=200)
    language = serializers.CharField(required=False, allow_blank=True, help_text="BCP 47.")


class ContactRequest(ContactChange):
    sender = SenderField()
    identities = IdentityRequest(many=True, required=False)


class IdentityBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    channel = serializers.ChoiceField(words(Channel))
    identity = serializers.CharField(allow_null=True, help_text="None once it is erased.")
    warnings = serializers.ListField(child=serializers.CharField())


class ContactBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    sender = serializers.CharField()
    external_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField(allow_blank=True)
    language = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    identities = IdentityBody(many=True)


class MomentBody(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    kind = serializers.CharField()
    id = serializers.UUIDField()
    identity = serializers.UUIDField(help_text="The id of the contact's identity.")
    data = serializers.DictField()  # type: ignore[assignment]


class TimelineBody(serializers.Serializer[Any]):
    results = MomentBody(many=True)


def listing(of: Shape) -> Shape:
    """A page of these."""
    fields = {
        "results": of(many=True),
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
    }
    return type(f"{of.__name__.removesuffix('Body')}List", (serializers.Serializer,), fields)


def query(name: str, description: str = "", *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.QUERY, required=required, description=description
    )


SENDER = query("sender", "A sender's key; else all senders of the API key.")
PAGING = [query("limit", "1 to 500, else 50."), query("cursor", "From an earlier answer.")]
_IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key and body again get the first answer again.",
)


def describe(
    operation: str,
    answers: Mapping[int, Shape | None],
    *,
    request: Shape | None = None,
    parameters: Sequence[OpenApiParameter] = (),
    repeatable: bool = False,
) -> Callable[[Method], Method]:
    """What the schema says of a method besides its docstring. Every operation may answer Error."""
    responses: dict[Any, Any] = {**answers, "default": ErrorBody}
    return extend_schema(
        operation_id=operation,
        request=request,
        responses=responses,
        parameters=[*parameters, *([_IDEMPOTENCY] if repeatable else [])],
    )

"""`inbound-messages/`: that a person wrote, on channels without a callback of ours."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from consents import inbound
from consents.api import operations, schema
from consents.api.door import Door
from consents.api.events import shown_by_id
from consents.api.fields import Fields
from consents.idempotency import Answer, Result
from consents.inbound import Message, Received
from consents.models import ChannelIdentity
from consents.vocabulary import Scope


class InboundMessages(Door):
    scopes = {"POST": Scope.RECORD}

    @operations.describe(
        "receive_message",
        {201: schema.MessageBody, 200: schema.MessageBody},
        request=schema.MessageRequest,
        repeatable=True,
    )
    def post(self, request: Request) -> Response:
        """Let a person's message in: it moves the customer window, and may be a keyword.

        A message whose id is known already answers 200 and does nothing.
        """
        body = self.body(schema.MessageRequest)
        sender = self.sender(body)
        message = _message(body, self.actor)

        def work() -> Answer:
            received = inbound.receive(sender, message)
            status = 200 if received.is_repeat else 201
            return Answer(status, _result(received), wrote=not received.is_repeat)

        return self.once(work, _shown)


def _message(body: Fields, actor: str) -> Message:
    return Message(
        channel=body.required_text("channel"),
        identity=body.raw("identity"),
        message_id=body.required_text("message_id"),
        received_at=body.time("received_at"),
        text=body.text("text"),
        payload=body.text("payload") or None,
        title=body.text("title") or None,
        actor=actor,
    )


def _result(received: Received) -> Result:
    return {
        "identity": str(received.identity.id),
        "keyword": received.match.kind.value if received.match else None,
        "is_repeat": received.is_repeat,
        "events": [str(event.id) for event in received.events],
    }


def _shown(result: Result) -> dict[str, Any]:
    identity = ChannelIdentity.objects.get(id=result["identity"])
    events = shown_by_id(result["events"])
    return {
        "channel": identity.channel,
        "identity": identity.address,
        "contact": str(identity.contact_id),
        "keyword": result["keyword"],
        "is_repeat": result["is_repeat"],
        "events": [events[id] for id in result["events"]],
    }
